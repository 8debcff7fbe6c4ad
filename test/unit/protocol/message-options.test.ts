import { describe, expect, it } from 'vitest'
import { MQClientException } from '../../../src/internal/errors.ts'
import { checkMessage } from '../../../src/producer/validators.ts'
import { Message } from '../../../src/protocol/message.ts'

const create = (options: unknown) => () => new Message(options as ConstructorParameters<typeof Message>[0])

describe('what a message is made of', () => {
  it.each([
    [{ topic: 5 }, 'topic is 5: allowed is text'],
    [{ topic: undefined }, 'topic is undefined: allowed is text'],
    [{ flag: 1.5 }, 'flag is 1.5: allowed is a whole number from -2147483648 to 2147483647'],
    [{ flag: '1' }, "flag is '1': allowed is a whole number"],
    [{ flag: 2 ** 31 }, 'flag is 2147483648: allowed'],
    [{ flag: Number.NaN }, 'flag is NaN'],
    [{ delayTimeLevel: -1 }, 'delayTimeLevel is -1: allowed is a whole number from 0 to 2147483647'],
    [{ delayTimeLevel: '3' }, "delayTimeLevel is '3': allowed"],
    [{ delayTimeLevel: 2.5 }, 'delayTimeLevel is 2.5: allowed'],
    [{ waitStoreMsgOK: 'false' }, "waitStoreMsgOK is 'false': allowed is true or false"],
    [{ keys: 5 }, 'The value of property KEYS is not a string'],
    [{ keys: ['a', 5] }, 'keys is 5: allowed is a text or an array of texts'],
    [{ keys: [{}] }, 'keys is an object: allowed is a text or an array of texts'],
    [{ tags: 5 }, 'The value of property TAGS is not a string'],
    [{ uniqKey: 5 }, 'The value of property UNIQ_KEY is not a string'],
    [{ properties: 'a=b' }, "properties is 'a=b': allowed is an object or a Map of texts"],
    [{ properties: ['a', 'b'] }, 'properties is an object: allowed is an object or a Map of texts'],
    [{ properties: { n: 5 } }, "The name or value of property is not a string: 'n' is 5"],
    [{ tag: 'paid' }, 'a message has no tag: use tags'],
    [{ Keys: 'k' }, 'a message has no Keys: use keys'],
    [{ delayLevel: 3 }, 'a message has no delayLevel: use delayTimeLevel'],
    [{ headers: {} }, 'a message has no headers: use properties'],
    [{ body: undefined, value: 'x' }, 'the message body is not a string, Buffer or typed array'],
    [{ body: 5 }, 'the message body is not a string, Buffer or typed array']
  ])('producer-76 %o is refused', (more, text) => {
    const run = create({ topic: 'T', body: 'x', ...more })
    expect(run).toThrow(MQClientException)
    expect(run).toThrow(text)
  })

  it('Java’s or ali-ons’ list of arguments, and kafkajs’ field, are told what to do instead', () => {
    const hint = (run: () => unknown): string | undefined => {
      try {
        run()
      } catch (error) {
        return (error as MQClientException).hint
      }
      return undefined
    }
    expect(hint(create({ topic: 'T', body: { id: 1 } }))).toContain('JSON.stringify(value)')
    expect(hint(create({ topic: 'T', body: 'x', properties: { n: undefined } }))).toBe("'n' is undefined.")
    expect(hint(create('Orders'))).toContain('new Message({ topic, tags, body })')
    expect(hint(create(undefined))).toContain('new Message({ topic, tags, body })')
    expect(hint(create({ topic: 'T', value: 'x' }))).toBe('What stands in value goes into body here.')
    expect(hint(() => checkMessage({ topic: 'T', messages: [] } as never))).toContain('send([new Message({ topic, body }), ...])')
  })

  it('what was changed later is checked by the send', () => {
    const message = new Message({ topic: 'T', body: 'x', keys: [] })
    expect(message.keys).toBeUndefined()
    message.flag = Number.POSITIVE_INFINITY
    expect(() => checkMessage(message)).toThrow('flag is Infinity')
    expect(() => {
      message.delayTimeLevel = Number.NaN
    }).toThrow('delayTimeLevel is NaN')
    expect(() => {
      message.waitStoreMsgOK = 1 as unknown as boolean
    }).toThrow('waitStoreMsgOK is 1')
  })
})
