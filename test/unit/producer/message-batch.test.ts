import { describe, expect, it } from 'vitest'
import { MessageBatch } from '../../../src/producer/message-batch.ts'
import { decodeBatch } from '../../../src/protocol/batch-codec.ts'
import { Message } from '../../../src/protocol/message.ts'
import { decodeProperties } from '../../../src/protocol/properties.ts'

const batch = (...messages: Message[]): MessageBatch => MessageBatch.generateFromList('T', messages, undefined, Date.now())
const message = (more: Partial<ConstructorParameters<typeof Message>[0]> = {}): Message =>
  new Message({ topic: 'T', body: 'x', ...more })

describe('message batch', () => {
  it('producer-46 differing topics, differing WAIT, a delay level or a retry topic are refused', () => {
    expect(() => batch(message(), message({ topic: 'U' }))).toThrow('The topic of the messages in one batch should be the same')
    expect(() => batch(message(), message({ waitStoreMsgOK: false }))).toThrow(
      'The waitStoreMsgOK of the messages in one batch should the same'
    )
    expect(() => batch(message(), message({ delayTimeLevel: 3 }))).toThrow('TimeDelayLevel is not supported for batching')
    expect(() => batch(message({ topic: '%RETRY%g' }))).toThrow('Retry Group is not supported for batching')
  })

  it('holds every message with an id of its own and leaves the given ones alone', () => {
    const first = message({ body: 'one', keys: 'k1', uniqKey: 'GIVEN' })
    const second = message({ body: 'two', waitStoreMsgOK: true })
    const made = batch(first, second)
    const items = decodeBatch(made.body)
    expect(items.map((item) => item.body.toString())).toEqual(['one', 'two'])
    expect(items.map((item) => decodeProperties(item.propertiesString).get('UNIQ_KEY'))).toEqual(made.uniqKeys)
    expect(made.uniqKeys[0]).toBe('GIVEN')
    expect(made.uniqKeys[1]).toMatch(/^[0-9A-F]{32}$/)
    expect(made.uniqKey).toBeUndefined()
    expect(made.waitStoreMsgOK).toBe(true)
    expect(second.uniqKey).toBeUndefined()
    expect(batch(message({ waitStoreMsgOK: false })).waitStoreMsgOK).toBe(false)
  })
})
