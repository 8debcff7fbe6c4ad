import { badOption } from '../client/check-options.ts'
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
  // Every missing key, and every object, has one text: all messages would go to one queue.
  if (arg === undefined || arg === null || typeof arg === 'object') throw badOption('arg', arg, 'the key, a text or a number')
  const hash = typeof arg === 'number' && (arg | 0) === arg ? arg : javaHashCode(String(arg))
  // The remainder first, then its amount: the smallest integer has no positive counterpart.
  return queues[Math.abs(hash % queues.length)]
}

/** Any of the queues. */
export const selectMessageQueueByRandom: MessageQueueSelector = (queues) => {
  if (queues.length === 0) throw noQueues()
  return queues[Math.floor(Math.random() * queues.length)]
}

/**
 * A selector that keeps to the brokers of these machine rooms: those named `room@name`. Among their queues it takes any.
 * Java's `SelectMessageQueueByMachineRoom` is only a frame to be filled in; brokers are named as for its consumers' allocation by room.
 *
 * @throws MQClientException (`BAD_OPTION`) for one text instead of a list; (`NO_QUEUE`), from the send, when no queue is in these rooms.
 * @example await producer.send(message, { selector: selectMessageQueueByMachineRoom(['berlin']) })
 */
export function selectMessageQueueByMachineRoom(machineRooms: Iterable<string>): MessageQueueSelector {
  // A text could be iterated too, letter by letter.
  if (typeof machineRooms !== 'object' || typeof machineRooms?.[Symbol.iterator] !== 'function') {
    throw badOption('machineRooms', machineRooms, 'a list of names')
  }
  const rooms = new Set(machineRooms)
  return (queues) => {
    const near = queues.filter(({ brokerName }) => {
      const at = brokerName.indexOf('@')
      return at > 0 && rooms.has(brokerName.slice(0, at))
    })
    if (near.length === 0) {
      throw new MQClientException(`no queue is on a broker of the machine rooms ${[...rooms].join(', ')}`, {
        code: 'NO_QUEUE',
        hint: 'Brokers of a machine room are named room@name (brokerName in their configuration).'
      })
    }
    return near[Math.floor(Math.random() * near.length)]
  }
}

function noQueues(): MQClientException {
  return new MQClientException('there is no queue to choose from', { code: 'NO_QUEUE' })
}
