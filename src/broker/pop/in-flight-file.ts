import type { FastjsonObject } from '../../protocol/fastjson.ts'
import { arrayOf, numberOf, textOf } from '../../protocol/fastjson-fields.ts'
import { isLegalGroup, isLegalTopic } from '../names.ts'
import type { QueueInFlightState } from './in-flight-messages.ts'

/**
 * The content of `popInFlight.json`. It only saves deliveries: without it a group starts again at the lowest message that it held.
 *
 * ```
 * {"queues":[{"topic":s,"group":s,"queueId":n,"consumed":offset,"next":offset,"messages":[[queueOffset,popTime,visibleAt],...]}]}
 * ```
 */
export function encodeInFlightMessages(states: readonly QueueInFlightState[]): string {
  return JSON.stringify({ queues: states })
}

/** What is no name or no whole number is left out. */
export function decodeInFlightMessages(json: FastjsonObject): QueueInFlightState[] {
  const states = arrayOf(json, 'queues', (queue) => ({
    topic: textOf(queue, 'topic'),
    group: textOf(queue, 'group'),
    queueId: numberOf(queue, 'queueId', -1),
    consumed: numberOf(queue, 'consumed', -1),
    next: numberOf(queue, 'next', -1),
    messages: messagesOf(queue)
  }))
  return states.filter(
    ({ topic, group, queueId, consumed, next }) =>
      isLegalTopic(topic) && isLegalGroup(group) && [queueId, consumed, next].every(isCount)
  )
}

function messagesOf({ messages }: FastjsonObject): QueueInFlightState['messages'] {
  if (!Array.isArray(messages)) return []
  return messages.filter((entry) => Array.isArray(entry) && entry.length === 3 && entry.every(isCount)) as unknown as Array<
    [number, number, number]
  >
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
