import { describe, expect, it } from 'vitest'
import type { SendOptions } from '../../src/producer/send-options.ts'
import { Message } from '../../src/protocol/message.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { FakeCluster } from '../support/fake-cluster.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const text = 'what was there at the call'

/** A message and what an application may do to its buffer once send has returned. */
function overwritten(): { message: Message; overwrite: () => void } {
  const body = Buffer.from(text)
  return { message: new Message({ topic: 'T', body }), overwrite: () => void body.fill('Z') }
}

/** What the brokers got, without the sends that only prepared the test. */
function bodiesBut(cluster: FakeCluster, ...prepared: string[]): string[] {
  return cluster.sends.map((send) => send.body.toString()).filter((body) => !prepared.includes(body))
}

describe('the body of a send is the one at the call', () => {
  it.each([
    [2, 'refused: busy'],
    [1, 'refused: system error']
  ])('net-N17 also when broker code %i makes another broker get it (%s)', async (code) => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    await producer.send(new Message({ topic: 'T', body: 'opens a connection' }))
    await producer.send(new Message({ topic: 'T', body: 'and the other one' }))
    let first = true
    cluster.script((send, broker) => {
      if (!first) return broker.ok(send)
      first = false
      return broker.refuse(send, code)
    })
    const { message, overwrite } = overwritten()
    const sending = producer.send(message)
    overwrite()
    await sending
    expect(bodiesBut(cluster, 'opens a connection', 'and the other one')).toEqual([text, text])
  })

  it('net-N17 also when the peer asks to go away and the request is sent once more', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    await producer.send(new Message({ topic: 'T', body: 'opens a connection' }))
    let first = true
    cluster.script((send, broker) => {
      if (!first) return broker.ok(send)
      first = false
      return RemotingCommand.response(send.command, 1500, 'please go away')
    })
    const { message, overwrite } = overwritten()
    const sending = producer.send(message)
    overwrite()
    expect((await sending).sendStatus).toBe('SEND_OK')
    expect(bodiesBut(cluster, 'opens a connection')).toEqual([text, text])
  })

  it('net-N17 also when a result that is not good enough makes another broker get it', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster, { retryAnotherBrokerWhenNotStoreOK: true })
    await producer.send(new Message({ topic: 'T', body: 'opens a connection' }))
    await producer.send(new Message({ topic: 'T', body: 'and the other one' }))
    let first = true
    cluster.script((send, broker) => {
      const code = first ? 10 : 0
      first = false
      return broker.ok(send, code)
    })
    const { message, overwrite } = overwritten()
    const sending = producer.send(message)
    overwrite()
    expect((await sending).sendStatus).toBe('SEND_OK')
    expect(bodiesBut(cluster, 'opens a connection', 'and the other one')).toEqual([text, text])
  })

  it('net-N17 also while the connection is being opened, oneway, to a queue, and through a selector that writes into what it gets', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const queue = (await producer.send(new Message({ topic: 'T', body: 'route' }))).messageQueue
    const other = await startProducer(cluster)
    const sends: Array<[typeof producer, SendOptions | 'oneway' | undefined]> = [
      [other, undefined],
      [producer, undefined],
      [producer, { queue }],
      [producer, 'oneway'],
      [
        producer,
        {
          selector: (queues, message) => {
            message.body.fill('S')
            return queues[0]!
          }
        }
      ]
    ]
    const messages = sends.map(() => overwritten())
    const sent = sends.map(([by, options], i) =>
      options === 'oneway' ? by.sendOneway(messages[i]!.message) : by.send(messages[i]!.message, options)
    )
    for (const { overwrite } of messages) overwrite()
    await Promise.all(sent)
    await cluster.broker.server.close()
    expect(messages.every(({ message }) => message.body.toString().startsWith('ZZ'))).toBe(true)
    const bodies = bodiesBut(cluster, 'route')
    expect(bodies).toEqual(sends.map(() => text))
  })
})
