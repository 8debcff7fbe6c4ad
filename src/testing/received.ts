import { realClock } from '../internal/clock.ts'
import { MQClientException } from '../internal/errors.ts'
import type { LoopbackBroker } from '../loopback/loopback-broker.ts'
import type { StoredMessage } from '../loopback/stored-messages.ts'
import { type ExpectedMessage, type MessagePattern, matches, messagePattern, patternText } from './message-pattern.ts'

/** What was looked for and what was there. */
export interface Found {
  topic: string
  pattern: MessagePattern
  all: StoredMessage[]
  matching: StoredMessage[]
  /** Topics that hold messages, with how many, where this one holds none: a name was wrong, or it is too early. */
  elsewhere: string[]
}

/** Most messages a failure lists. */
const LISTED = 10
const BODY_CHARACTERS = 60
const DEFAULT_TIMEOUT = 1000

/** What `broker` holds of `topic`; goes by what a broker can do, so that another copy of this package may have made it. */
export function look(broker: unknown, topic: unknown, expected?: ExpectedMessage): Found {
  if (typeof (broker as Partial<LoopbackBroker> | undefined)?.messages !== 'function') {
    throw new MQClientException(`${String(broker)} is no LoopbackBroker: allowed is the broker of the fixture`, {
      code: 'ILLEGAL_ARGUMENT'
    })
  }
  if (typeof topic !== 'string' || topic === '') {
    throw new MQClientException(`topic is ${String(topic)}: allowed is the name of a topic`, { code: 'ILLEGAL_ARGUMENT' })
  }
  const pattern = messagePattern(expected)
  const all = (broker as LoopbackBroker).messages(topic)
  const matching = all.filter((message) => matches(message, pattern))
  return { topic, pattern, all, matching, elsewhere: all.length > 0 ? [] : heldTopics(broker as LoopbackBroker) }
}

function heldTopics(broker: LoopbackBroker): string[] {
  const topics = new Set(broker.brokers.flatMap(({ topicConfigManager }) => [...topicConfigManager.topicConfigTable.keys()]))
  return [...topics].flatMap((topic) => {
    const count = broker.messageCount(topic)
    return count === 0 ? [] : `${topic} (${count})`
  })
}

/**
 * Waits until a matching message is there, or the time is up; real time, whatever the broker's clock says.
 * @param timeout ms
 */
export async function lookUntil(
  broker: unknown,
  topic: unknown,
  expected?: ExpectedMessage,
  { timeout = DEFAULT_TIMEOUT }: { timeout?: number } = {}
): Promise<Found> {
  if (typeof timeout !== 'number' || !(timeout >= 0 && timeout < 2 ** 31)) {
    throw new MQClientException(`timeout is ${String(timeout)}: allowed is 0 to 2147483647 ms`, { code: 'ILLEGAL_ARGUMENT' })
  }
  const over = new AbortController()
  const timer = realClock.setTimeout(() => over.abort(), timeout)
  try {
    for (;;) {
      const found = look(broker, topic, expected)
      if (found.matching.length > 0 || over.signal.aborted) return found
      await (broker as LoopbackBroker)
        .waitForMessages(found.topic, found.all.length + 1, { signal: over.signal })
        .catch((error: unknown) => {
          if (!over.signal.aborted) throw error
        })
    }
  } finally {
    timer.cancel()
  }
}

/** `expected` says what should have been, for example `at least 1`. */
export function foundText({ topic, pattern, all, matching, elsewhere }: Found, expected: string): string {
  const list = all.slice(0, LISTED).map((message) => `  ${messageText(message)}`)
  if (all.length > LISTED) list.push(`  ... and ${all.length - LISTED} more`)
  const empty = `The topic holds no message.${elsewhere.length === 0 ? '' : ` There are some in ${elsewhere.join(', ')}.`}`
  return [
    `expected ${expected} of ${patternText(pattern)} in topic "${topic}", found ${matching.length}`,
    all.length === 0 ? empty : `The topic holds ${all.length}:`,
    ...list
  ].join('\n')
}

function messageText({ brokerName, queueId, queueOffset, tags, keys, body }: StoredMessage): string {
  const text = body.toString('utf8', 0, BODY_CHARACTERS * 4).slice(0, BODY_CHARACTERS)
  const parts = [`${brokerName}/${queueId}@${queueOffset}`]
  if (tags !== undefined) parts.push(`tags ${tags}`)
  if (keys !== undefined) parts.push(`keys ${keys}`)
  parts.push(`body ${JSON.stringify(text)}${body.length > Buffer.byteLength(text) ? `... (${body.length} bytes)` : ''}`)
  return parts.join(', ')
}
