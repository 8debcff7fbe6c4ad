import { RemotingCommandException } from '../internal/errors.ts'
import { parseInt32, parseInt64 } from './header-fields.ts'
import { RETRY_PREFIX } from './topics.ts'

/**
 * What a pop and its acknowledgements say of messages in texts of their own; Java's `ExtraInfoUtil` and `KeyBuilder`.
 *
 * ```
 * extraInfo       := startOffset ' ' popTime ' ' invisibleTime ' ' reviveQid ' ' retry ' ' brokerName ' ' queueId [' ' queueOffset]
 * reviveQid       := 999 where it was popped in order
 * startOffsetInfo := retry ' ' queueId ' ' startOffset  (';' ...)
 * msgOffsetInfo   := retry ' ' queueId ' ' queueOffset (',' queueOffset)*  (';' ...)
 * retry           := '0' the topic itself, '1' `%RETRY%group_topic`, '2' `%RETRY%group+topic`
 * ```
 */
export interface PopExtraInfo {
  /** Where the pop that brought the message began to read its queue. */
  startOffset: number
  /** When that was, wall clock ms of the broker. */
  popTime: number
  /** Ms. */
  invisibleTime: number
  reviveQid: number
  retry: string
  brokerName: string
  queueId: number
  /** Of the message itself; clients before 5.0 leave it out. */
  queueOffset?: number | undefined
}

/** `reviveQid` of what was popped in order. */
export const POP_ORDER_REVIVE_QUEUE = 999

/** Where messages of a topic come back for a group when their invisible time has ended; version 1, 5.3.3's default. */
export function buildPopRetryTopic(topic: string, group: string): string {
  return `${RETRY_PREFIX}${group}_${topic}`
}

/** The topic that a retry mark means. @throws RemotingCommandException for a mark that there is not. */
export function realTopic(topic: string, group: string, retry: string): string {
  if (retry === '0') return topic
  if (retry === '1') return buildPopRetryTopic(topic, group)
  if (retry === '2') return `${RETRY_PREFIX}${group}+${topic}`
  throw bad(`its retry mark is ${JSON.stringify(retry.slice(0, 8))}, allowed are 0, 1 and 2`)
}

export function retryMark(topic: string): string {
  if (!topic.startsWith(RETRY_PREFIX)) return '0'
  return topic.includes('+') ? '2' : '1'
}

export function encodePopExtraInfo(info: PopExtraInfo): string {
  const { startOffset, popTime, invisibleTime, reviveQid, retry, brokerName, queueId, queueOffset } = info
  const text = `${startOffset} ${popTime} ${invisibleTime} ${reviveQid} ${retry} ${brokerName} ${queueId}`
  return queueOffset === undefined ? text : `${text} ${queueOffset}`
}

/** @throws RemotingCommandException (`BAD_FIELD`) saying what is wrong with it. */
export function decodePopExtraInfo(text: string): PopExtraInfo {
  const parts = text.split(' ')
  const [startOffset, popTime, invisibleTime, reviveQid, retry, brokerName, queueId, queueOffset] = parts
  if (queueId === undefined) throw bad(`it has ${parts.length} parts, expected are 7 or 8`)
  return {
    startOffset: parseInt64(startOffset as string, 'extraInfo (start offset)'),
    popTime: parseInt64(popTime as string, 'extraInfo (pop time)'),
    invisibleTime: parseInt64(invisibleTime as string, 'extraInfo (invisible time)'),
    reviveQid: parseInt32(reviveQid as string, 'extraInfo (revive queue)'),
    retry: retry as string,
    brokerName: brokerName as string,
    queueId: parseInt32(queueId, 'extraInfo (queue)'),
    queueOffset: queueOffset === undefined ? undefined : parseInt64(queueOffset, 'extraInfo (queue offset)')
  }
}

function bad(problem: string): RemotingCommandException {
  return new RemotingCommandException(`extraInfo cannot be read: ${problem}`, { code: 'BAD_FIELD' })
}
