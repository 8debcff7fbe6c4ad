/** What a broker says whose state forbids a kind of request for now. */
export const REJECTED = '[REJECTREQUEST]system busy, start flow control for a while'

/** The tail that 5.3.3 puts behind remarks people ask about. */
export const FAQ = '\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.'

/** What a real broker says with code 0 here and there; clients go by the code. */
export const NOT_SET = 'not set any response code'

/** Of pulls, pops and what follows a pop: a topic that is not there. */
export function topicNotExist(topic: string): string {
  return `topic[${topic}] not exist, apply first please! ${FAQ}`
}

/** Of the same: a queue that the topic does not have. */
export function illegalReadQueue(topic: string, queueId: number, readQueueNums: number, remoteAddr: string): string {
  return `queueId[${queueId}] is illegal, topic:[${topic}] topicConfig.readQueueNums:[${readQueueNums}] consumer:[/${remoteAddr}]`
}
