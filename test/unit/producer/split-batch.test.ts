import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../../src/internal/errors.ts'
import { MessageBatch } from '../../../src/producer/message-batch.ts'
import { splitBatch } from '../../../src/producer/split-batch.ts'
import { Message } from '../../../src/protocol/message.ts'

const message = (body: string | Buffer, more: Partial<ConstructorParameters<typeof Message>[0]> = {}): Message =>
  new Message({ topic: 'T', body, ...more })

/** Bytes of the batch that a send makes of these. */
const sentBytes = (messages: Message[], namespace?: string): number =>
  MessageBatch.generateFromList('T', messages, namespace, Date.now()).body.length

function failure(run: () => unknown): RocketMQError {
  try {
    run()
  } catch (error) {
    return error as RocketMQError
  }
  throw new Error('nothing was thrown')
}

describe('splitBatch', () => {
  it('producer-73 keeps order, fills each part, and no part passes the limit when it is sent', () => {
    const messages = Array.from({ length: 500 }, (_, i) =>
      message('x'.repeat(1 + ((i * 37) % 900)), { keys: `k-${i}`, properties: { n: String(i) } })
    )
    const parts = splitBatch(messages, 10_000)
    expect(parts.flat()).toEqual(messages)
    for (const [i, part] of parts.entries()) {
      expect(sentBytes(part)).toBeLessThanOrEqual(10_000)
      const next = parts[i + 1]?.[0]
      // 24: an id of 56 digits is reckoned with, on IPv4 it has 32.
      if (next !== undefined) expect(sentBytes([...part, next]) + 24 * (part.length + 1)).toBeGreaterThan(10_000)
    }
  })

  it('producer-73 counts UTF-8 bytes, of bodies and of properties, and what a namespace adds', () => {
    const wide = Array.from({ length: 100 }, () => message('漢'.repeat(100), { properties: { 名: '漢'.repeat(50) } }))
    const namespace = 'ネームスペース'
    for (const part of splitBatch(wide, 5000, { namespace })) expect(sentBytes(part, namespace)).toBeLessThanOrEqual(5000)
    expect(splitBatch(wide, 5000, { namespace }).length).toBeGreaterThan(splitBatch(wide, 5000).length)
    expect(splitBatch(wide, 5000).length).toBeGreaterThan(10)
  })

  it('bounds the number of messages too', () => {
    const parts = splitBatch(
      Array.from({ length: 25 }, () => message('x')),
      1e6,
      { maxMessages: 10 }
    )
    expect(parts.map((part) => part.length)).toEqual([10, 10, 5])
    expect(splitBatch([])).toEqual([])
  })

  it('refuses what no batch takes, with the message that is too large', () => {
    const error = failure(() => splitBatch([message('x'), message(Buffer.alloc(990))], 1000))
    expect(error).toMatchObject({ code: 'MESSAGE_ILLEGAL', responseCode: 13 })
    expect(error.message).toMatch(/^message 1 takes \d+ bytes in a batch: at most 1000 are allowed$/)
    expect(error.hint).toContain('sent alone')
    expect(failure(() => splitBatch([message(Buffer.alloc(1001))], 1000)).message).toContain('MAX: 1000')
    expect(failure(() => splitBatch([message('x'), new Message({ topic: 'U', body: 'x' })])).message).toContain(
      'topic of the messages'
    )
    expect(failure(() => splitBatch([message('x'), message('x', { delayTimeLevel: 1 })])).message).toContain('TimeDelayLevel')
    expect(failure(() => splitBatch(message('x') as unknown as Message[])).message).toContain('not an array')
    expect(failure(() => splitBatch([], 0)).message).toBe('maxBytes is 0: allowed is a whole number from 1 on')
    expect(failure(() => splitBatch(['x'] as unknown as Message[])).message).toContain('is not a Message')
  })
})
