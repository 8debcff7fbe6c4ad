import { describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'

const create = (options: unknown): DefaultMQProducer => new DefaultMQProducer(options as DefaultMQProducerOptions)

describe('an option of the wrong kind', () => {
  it.each([
    [undefined, 'the options are undefined: allowed is an object'],
    [{}, 'producerGroup is undefined: allowed is the name of a group'],
    [{ producerGroup: 5 }, 'producerGroup is 5: allowed is the name of a group'],
    [{ namesrvAddr: 5 }, 'namesrvAddr is 5: allowed is text or an array of texts'],
    [{ namesrvAddr: [5] }, 'namesrvAddr is an array: allowed is text or an array of texts'],
    [{ pollNameServerInterval: 'x' }, "pollNameServerInterval is 'x': allowed is a whole number from 1 to 2147483647"],
    [{ heartbeatBrokerInterval: 0 }, 'heartbeatBrokerInterval is 0: allowed is a whole number from 1 to 2147483647'],
    [{ connectTimeout: Number.NaN }, 'connectTimeout is NaN'],
    [{ mqClientApiTimeout: -1 }, 'mqClientApiTimeout is -1'],
    [{ drainTimeout: 1e12 }, 'drainTimeout is 1000000000000: allowed is a whole number from 0 to 2147483647'],
    [{ topics: 'Orders' }, "topics is 'Orders': allowed is an array of texts"],
    [{ retryResponseCodes: 5 }, 'retryResponseCodes is 5: allowed is an array of whole numbers'],
    [{ language: 'KLINGON' }, "language is 'KLINGON': allowed is JAVA, "],
    [{ serializeType: 'XML' }, "serializeType is 'XML': allowed is JSON or ROCKETMQ"],
    [{ rpcHooks: {} }, 'rpcHooks is an object: allowed is an array'],
    [{ credentials: 'secret' }, 'allowed is an object'],
    [{ unitName: 5 }, 'unitName is 5: allowed is text'],
    [{ network: {} }, 'network is an object: allowed is an object with connect'],
    [{ clock: {} }, 'clock is an object: allowed is an object with now, monotonic, setTimeout'],
    [{ tls: true }, 'tls is true: allowed is an object'],
    [{ vipChannelEnabled: 'no' }, "vipChannelEnabled is 'no': allowed is true or false"]
  ])('producer-76 is named with what is allowed: %o', (options, text) => {
    const given =
      options === undefined || 'producerGroup' in options || Object.keys(options).length === 0
        ? options
        : { producerGroup: 'g', ...options }
    expect(() => create(given)).toThrow(text)
  })

  it('a name server address that is none is named at the start', async () => {
    await expect(create({ producerGroup: 'g', namesrvAddr: 'abc' }).start()).rejects.toThrow(
      'namesrvAddr: "abc" is not an address: expected host:port'
    )
  })

  it('topics of a broker are not a list of names', async () => {
    for (const topics of [['A', 'B'], { A: 4 }, 'A']) {
      const options = { topics } as unknown as LoopbackBrokerOptions
      await expect(LoopbackBroker.start(options)).rejects.toThrow(/^topics(\["A"\])? is (a list|4|.A.): allowed is an object/)
    }
  })
})
