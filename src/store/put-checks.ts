import { RETRY_PREFIX } from '../protocol/topics.ts'
import type { MessageExtBrokerInner, PutRefusal } from './types.ts'

/** Longest topic of a record, bytes. */
const MAX_TOPIC = 127
const MAX_RETRY_TOPIC = 255

/** What is wrong with a message before anybody looks at its size; of 5.3's `HookUtils.checkBeforePutMessage`. */
export function checkMessage(message: MessageExtBrokerInner): PutRefusal | undefined {
  // A UTF-16 unit takes three bytes at most.
  if (message.topic.length * 3 > MAX_TOPIC) {
    const length = Buffer.byteLength(message.topic)
    const limit = message.topic.startsWith(RETRY_PREFIX) ? MAX_RETRY_TOPIC : MAX_TOPIC
    if (length > limit)
      return { status: 'MESSAGE_ILLEGAL', remark: `the topic has ${length} bytes, at most ${limit} can be stored` }
  }
  if (!ArrayBuffer.isView(message.body)) return { status: 'MESSAGE_ILLEGAL', remark: 'the message has no body' }
  return undefined
}
