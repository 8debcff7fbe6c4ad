import { type ForeignNames, refuseForeignNames } from '../client/foreign-options.ts'

const NAMES = ['timeout', 'signal', 'queue', 'selector', 'arg']
const KNOWN: ReadonlySet<string> = new Set(NAMES)

/** As other clients call them, or where Java takes an argument. */
const FOREIGN: ForeignNames = new Map([
  ['mq', ['queue']],
  ['messagequeue', ['queue']],
  // Java's send(message, mq): the queue itself where the options belong.
  ['brokername', ['queue', 'send(message, { queue })']],
  ['queueid', ['queue', 'queue: new MessageQueue(topic, brokerName, queueId)']],
  ['messagequeueselector', ['selector']],
  ['queueselector', ['selector']],
  ['shardingkey', ['selector', 'selector: selectMessageQueueByHash, arg: key']],
  ['messagegroup', ['selector', 'selector: selectMessageQueueByHash, arg: group']],
  ['timeoutms', ['timeout', 'ms']],
  ['timeoutmillis', ['timeout', 'ms']],
  ['sendmsgtimeout', ['timeout', 'ms; sendMsgTimeout is the default of the producer']],
  ['abortsignal', ['signal']],
  ['callback', ['the third argument', 'send(message, options, (error, result) => {})']],
  ['sendcallback', ['the third argument', 'send(message, options, (error, result) => {})']],
  ['retries', ['retryTimesWhenSendFailed', 'an option of the producer']],
  ['tags', ['tags of the message', 'new Message({ topic, tags, body })']],
  ['keys', ['keys of the message', 'new Message({ topic, keys, body })']],
  ['properties', ['properties of the message', 'new Message({ topic, properties, body })']],
  ['delaytimelevel', ['delayTimeLevel of the message', 'new Message({ topic, delayTimeLevel, body })']]
])

/** @throws MQClientException (`BAD_OPTION`) with the right name for one that does nothing. */
export function refuseForeignSendOptions(options: object): void {
  for (const name in options) {
    if (!KNOWN.has(name)) {
      refuseForeignNames(options, NAMES, FOREIGN)
      return
    }
  }
}
