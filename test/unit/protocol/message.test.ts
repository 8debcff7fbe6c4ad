import { describe, expect, it } from 'vitest'
import { MQClientException } from '../../../src/internal/errors.ts'
import { Message } from '../../../src/protocol/message.ts'
import { MessageConst, RESERVED_PROPERTIES } from '../../../src/protocol/message-const.ts'
import { MessageQueue } from '../../../src/protocol/message-queue.ts'
import { decodeProperties, encodeProperties } from '../../../src/protocol/properties.ts'

describe('Message', () => {
  it('holds what it was given', () => {
    const message = new Message({
      topic: 'T',
      body: 'é',
      tags: 'a',
      keys: ['k1', 'k2'],
      properties: { colour: 'red' },
      delayTimeLevel: 3,
      flag: 7,
      waitStoreMsgOK: false,
      uniqKey: 'ID'
    })
    expect(message).toMatchObject({
      topic: 'T',
      flag: 7,
      tags: 'a',
      keys: 'k1 k2',
      delayTimeLevel: 3,
      waitStoreMsgOK: false,
      uniqKey: 'ID'
    })
    expect(message.body.toString('hex')).toBe('c3a9')
    expect(message.getUserProperty('colour')).toBe('red')
    expect(Object.fromEntries(message.properties)).toEqual({
      TAGS: 'a',
      KEYS: 'k1 k2',
      WAIT: 'false',
      DELAY: '3',
      UNIQ_KEY: 'ID',
      colour: 'red'
    })
  })

  it('waits for the store and has no other property by default', () => {
    const message = new Message({ topic: 'T', body: Buffer.from('x') })
    expect([...message.properties]).toEqual([['WAIT', 'true']])
    expect([message.tags, message.keys, message.delayTimeLevel, message.uniqKey]).toEqual([undefined, undefined, 0, undefined])
    message.tags = 'later'
    message.tags = undefined
    expect(message.tags).toBeUndefined()
  })

  it('has one delay: each way to say it has its property, and the last that is set counts', () => {
    const delays = ({ properties }: Message): unknown => Object.fromEntries([...properties].filter(([name]) => name !== 'WAIT'))
    const message = (options: object): Message => new Message({ topic: 'T', body: 'x', ...options })
    expect(delays(message({ delayTimeSec: 5 }))).toEqual({ TIMER_DELAY_SEC: '5' })
    expect(delays(message({ delayTimeMs: 1500, delayTimeLevel: 0 }))).toEqual({ TIMER_DELAY_MS: '1500' })
    const at = message({ deliverTimeMs: 1_700_000_000_000 })
    expect(delays(at)).toEqual({ TIMER_DELIVER_MS: '1700000000000' })
    at.delayTimeSec = 3
    expect(delays(at)).toEqual({ TIMER_DELAY_SEC: '3' })
    at.delayTimeLevel = 2
    expect(delays(at)).toEqual({ DELAY: '2' })
    at.delayTimeMs = 9
    expect([at.delayTimeLevel, at.delayTimeSec, at.delayTimeMs, at.deliverTimeMs]).toEqual([0, 0, 9, 0])
    at.delayTimeMs = 0
    expect(delays(at)).toEqual({})
    expect(() => message({ delayTimeSec: 1, delayTimeLevel: 1 })).toThrow('exclude each other')
    expect(() => message({ deliverTimeMs: 1, delayTimeMs: 1 })).toThrow('exclude each other')
    for (const bad of [-1, 1.5, Number.NaN, '5', 2 ** 53]) {
      expect(() => message({ delayTimeSec: bad })).toThrow('delayTimeSec is')
      expect(() => message({ deliverTimeMs: bad })).toThrow('deliverTimeMs is')
    }
  })

  it('takes any view of bytes as body, and nothing else', () => {
    const words = new Uint16Array([0x4241, 0x4443]).subarray(1)
    expect(new Message({ topic: 'T', body: words as unknown as Uint8Array }).body.toString()).toBe('CD')
    expect(() => new Message({ topic: 'T', body: 5 as unknown as string })).toThrow(MQClientException)
  })

  it("producer-69 refuses reserved names with Java's text", () => {
    const message = new Message({ topic: 'T', body: 'x' })
    expect(RESERVED_PROPERTIES.size).toBe(51)
    for (const name of RESERVED_PROPERTIES) {
      expect(() => message.putUserProperty(name, 'v')).toThrow(`The Property<${name}> is used by system, input another please`)
      expect(() => new Message({ topic: 'T', body: 'x', properties: { [name]: 'v' } })).toThrow(MQClientException)
    }
    expect([...message.properties.keys()]).toEqual(['WAIT'])
  })

  it('producer-69 refuses blank names and values', () => {
    const message = new Message({ topic: 'T', body: 'x' })
    const blanks = ['', ' ', '\t\n', undefined, null] as string[]
    for (const blank of blanks) {
      expect(() => message.putUserProperty(blank, 'v')).toThrow('The name or value of property can not be null or blank string!')
      expect(() => message.putUserProperty('n', blank)).toThrow('The name or value of property can not be null or blank string!')
    }
    expect([...message.properties.keys()]).toEqual(['WAIT'])
  })

  it('wire-W11 no separator character and no reserved name comes in through the API', () => {
    for (const text of ['a\u0001b', 'a\u0002DELAY', '\u0002TRAN_MSG\u0001true\u0002']) {
      expect(() => new Message({ topic: 'T', body: 'x', tags: text })).toThrow(MQClientException)
      expect(() => new Message({ topic: 'T', body: 'x', keys: [text] })).toThrow(MQClientException)
      expect(() => new Message({ topic: 'T', body: 'x', uniqKey: text })).toThrow(MQClientException)
      expect(() => new Message({ topic: 'T', body: 'x', properties: { name: text } })).toThrow(MQClientException)
      expect(() => new Message({ topic: 'T', body: 'x', properties: { [text]: 'v' } })).toThrow(MQClientException)
      expect(() => new Message({ topic: 'T', body: 'x', properties: new Map([['n', text]]) })).toThrow(MQClientException)
    }
    for (const name of [MessageConst.DELAY, MessageConst.TRAN_MSG, MessageConst.UNIQ_KEY, MessageConst.REAL_TOPIC]) {
      expect(() => new Message({ topic: 'T', body: 'x', properties: { [name]: '1' } })).toThrow(MQClientException)
    }
  })
})

describe('properties', () => {
  it("wire-W11 read by Java's rules: no escapes, damaged entries skipped, the last of a name wins", () => {
    const read = (text: string): Record<string, string> => Object.fromEntries(decodeProperties(text))
    expect(read('a\u0001b')).toEqual({ a: 'b' })
    expect(read('a\u0001b\u0002')).toEqual({ a: 'b' })
    expect(read('a\u0001\u0002b\u0001c\u0002')).toEqual({ b: 'c' })
    expect(read('\u0001v\u0002b\u0001c')).toEqual({ b: 'c' })
    expect(read('novalue\u0002b\u0001c')).toEqual({ b: 'c' })
    expect(read('a\u0001b\u0001c\u0002')).toEqual({ a: 'b\u0001c' })
    expect(read('a\u00011\u0002a\u00012\u0002')).toEqual({ a: '2' })
    expect(read('\u0002\u0002\u0002')).toEqual({})
  })

  it('wire-W11 are read in linear time', () => {
    const hostile = `${'\u0002'.repeat(2_000_000)}a\u0001b`
    const started = performance.now()
    expect(decodeProperties(hostile).get('a')).toBe('b')
    expect(performance.now() - started).toBeLessThan(500)
  })

  it('are written in their order, each with both separators', () => {
    expect(
      encodeProperties(
        new Map([
          ['b', '1'],
          ['a', '2']
        ])
      )
    ).toBe('b\u00011\u0002a\u00012\u0002')
    expect(encodeProperties(new Map())).toBe('')
  })
})

describe('MessageQueue', () => {
  it('compares by topic, broker and queue', () => {
    const queue = new MessageQueue('T', 'a', 1)
    expect(queue.equals(new MessageQueue('T', 'a', 1))).toBe(true)
    expect(queue.equals(new MessageQueue('T', 'a', 2))).toBe(false)
    const sorted = [
      new MessageQueue('T', 'b', 0),
      new MessageQueue('T', 'a', 10),
      new MessageQueue('T', 'a', 9),
      new MessageQueue('S', 'z', 0)
    ].sort((left, right) => left.compareTo(right))
    expect(sorted.map(({ topic, brokerName, queueId }) => `${topic}${brokerName}${queueId}`)).toEqual([
      'Sz0',
      'Ta9',
      'Ta10',
      'Tb0'
    ])
    expect(JSON.stringify(queue)).toBe('{"brokerName":"a","queueId":1,"topic":"T"}')
  })
})
