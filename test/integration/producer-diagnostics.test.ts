import { channel, tracingChannel } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it } from 'vitest'
import type { SendOperation } from '../../src/producer/send-operation.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const
const stops: Array<() => void> = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** What is published on a tracing channel until the test ends, in order. */
function observe<T = SendOperation>(name: string, react: (event: string, message: T) => void = () => {}) {
  const seen: Array<[event: string, message: T]> = []
  for (const event of EVENTS) {
    const listener = (message: unknown): void => {
      seen.push([event, message as T])
      react(event, message as T)
    }
    const each = tracingChannel(name)[event]
    each.subscribe(listener)
    stops.push(() => each.unsubscribe(listener))
  }
  return { seen, names: () => seen.map(([event]) => event) }
}

const message = (body = 'x'): Message => new Message({ topic: 'T', body, tags: 'tag' })

describe('diagnostics channels', () => {
  it('show a send from the call to its result, as one object', async () => {
    const producer = await startProducer(await startCluster())
    const { seen, names } = observe('rocketmq:producer:send')
    const promise = producer.send(message())
    expect(names()).toEqual(['start', 'end'])
    const result = await promise
    expect(names()).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    expect(new Set(seen.map(([, operation]) => operation)).size).toBe(1)
    const operation = seen[0]?.[1] as SendOperation
    expect(operation).toMatchObject({
      topic: 'T',
      communicationMode: 'SYNC',
      batch: false,
      result,
      attempts: [],
      error: undefined
    })
    expect(operation.producer).toBe(producer)
    expect(operation.messages.map(({ uniqKey }) => uniqKey)).toEqual([result.msgId])
    expect(operation.duration).toBeGreaterThanOrEqual(0)
    expect(operation.messageQueue).toEqual(result.messageQueue)
  })

  it('show callbacks between asyncStart and asyncEnd, oneway sends and batches', async () => {
    const producer = await startProducer(await startCluster())
    const { names, seen } = observe('rocketmq:producer:send')
    let within: string[] = []
    await new Promise<void>((resolve) => {
      producer.send(message(), {}, () => {
        within = names()
        resolve()
      })
    })
    expect(within).toEqual(['start', 'end', 'asyncStart'])
    await producer.sendOneway(message())
    await producer.send([message('a'), message('b')])
    const started = seen.filter(([event]) => event === 'start').map(([, operation]) => operation)
    expect(started.map(({ communicationMode, batch, messages }) => [communicationMode, batch, messages.length])).toEqual([
      ['ASYNC', false, 1],
      ['ONEWAY', false, 1],
      ['SYNC', true, 2]
    ])
  })

  it('show why a send failed, with its attempts; wrong use is shown too', async () => {
    const cluster = await startCluster({ brokers: ['broker-a', 'broker-b'] })
    cluster.script((send, broker) => broker.refuse(send, 14, 'full'))
    const producer = await startProducer(cluster)
    const { names, seen } = observe('rocketmq:producer:send')
    const error = await rejection(producer.send(message()))
    expect(names()).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    const operation = seen[0]?.[1] as SendOperation
    expect(operation.error).toBe(error)
    expect(operation.attempts).toHaveLength(3)
    seen.length = 0
    const refused = await rejection(producer.send(new Message({ topic: 'T', body: '' })))
    expect(names()).toEqual(['start', 'error', 'asyncStart', 'asyncEnd', 'end'])
    expect(seen[0]?.[1]).toMatchObject({ error: refused, messages: [] })
  })

  it('let a subscriber add properties to what is sent; the caller keeps its message as it was', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    observe('rocketmq:producer:send', (event, { messages }) => {
      if (event === 'start') for (const each of messages) each.properties.set('sentBy', 'probe')
    })
    const single = message()
    const batch = [message('a'), message('b')]
    await producer.send(single)
    await producer.send(batch)
    expect(cluster.sends[0]?.properties.get('sentBy')).toBe('probe')
    expect(cluster.sends[1]?.body.toString('latin1').split('sentBy\u0001probe\u0002')).toHaveLength(3)
    expect([single, ...batch].map((each) => each.properties.has('sentBy'))).toEqual([false, false, false])
  })

  it('show a request as the send that carries it, and each message of an automatic batch', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { autoBatch: true, batchMaxDelayMs: 1 })
    const { seen } = observe('rocketmq:producer:send', (event, { messages }) => {
      if (event === 'start') for (const each of messages) each.properties.set('sentBy', 'probe')
    })
    const results = await Promise.all([producer.send(message('a')), producer.send(message('b'))])
    const settled = seen.filter(([event]) => event === 'asyncStart').map(([, operation]) => operation)
    expect(settled.map(({ result, batch }) => [result?.msgId, batch])).toEqual(results.map(({ msgId }) => [msgId, false]))
    expect(cluster.sends[0]?.body.toString('latin1').split('sentBy\u0001probe\u0002')).toHaveLength(3)
    seen.length = 0
    const asked = producer.request(message('ping'), { timeout: 200 })
    await cluster.broker.events.take(2)
    expect(cluster.sends[1]?.properties.get('sentBy')).toBe('probe')
    await rejection(asked)
    expect(seen.map(([event, { topic }]) => `${event} ${topic}`)).toEqual(['start T', 'end T', 'asyncStart T', 'asyncEnd T'])
  })

  it('show start and shutdown of a producer, and the connections of its client', async () => {
    const cluster = await startCluster()
    const start = observe<{ producer: unknown }>('rocketmq:producer:start')
    const shutdown = observe<{ producer: unknown }>('rocketmq:producer:shutdown')
    const addresses: string[] = []
    for (const name of ['connected', 'disconnected']) {
      const each = channel(`rocketmq:client:${name}`)
      const listener = (event: unknown): void => void addresses.push(`${name} ${(event as { addr: string }).addr}`)
      each.subscribe(listener)
      stops.push(() => each.unsubscribe(listener))
    }
    const producer = await startProducer(cluster)
    expect(start.names()).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    expect(start.seen[0]?.[1].producer).toBe(producer)
    await producer.send(message())
    await new Promise((resolve) => setImmediate(resolve))
    expect(addresses).toContain(`connected ${cluster.broker.addr}`)
    await producer.shutdown()
    expect(shutdown.names()).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
  })

  it('say nothing of the messages that carry trace', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { enableTrace: true, traceMsgBatchNum: 1 })
    const { seen } = observe('rocketmq:producer:send')
    await producer.send(message())
    await cluster.broker.events.take(2)
    expect(seen.filter(([event]) => event === 'start').map(([, { topic }]) => topic)).toEqual(['T'])
  })
})
