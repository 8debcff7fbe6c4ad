import { MQClientException } from '../internal/errors.ts'
import { javaHashCode } from '../protocol/java-hash.ts'
import type { MessageQueueSelector } from './send-options.ts'

/**
 * Messages with the same `arg` go to the same queue, and to the same one a Java producer chooses: Java's string hash of `String(arg)`,
 * of a whole 32-bit number that number itself.
 *
 * @example await producer.send(message, { selector: selectMessageQueueByHash, arg: orderId })
 */
export const selectMessageQueueByHash: MessageQueueSelector<string | number | undefined> = (queues, _message, arg) => {
  if (queues.length === 0) throw noQueues()
  const hash = typeof arg === 'number' && (arg | 0) === arg ? arg : javaHashCode(String(arg))
  // The remainder first, then its amount: the smallest integer has no positive counterpart.
  return queues[Math.abs(hash % queues.length)]
}

/** Any of the queues. */
export const selectMessageQueueByRandom: MessageQueueSelector = (queues) => {
  if (queues.length === 0) throw noQueues()
  return queues[Math.floor(Math.random() * queues.length)]
}

function noQueues(): MQClientException {
  return new MQClientException('there is no queue to choose from', { code: 'NO_QUEUE' })
}
