import { afterEach, describe, expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { selectMessageQueueByHash } from '../../src/producer/selectors.ts'
import { Message } from '../../src/protocol/message.ts'
import { emptyExtFields, RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { remotingClient } from '../support/remoting.ts'

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const PUT_KV_CONFIG = 100

describe('an order topic', () => {
  it('producer-37 sends go to the queues of ORDER_TOPIC_CONFIG, in its order, and follow when it changes', async () => {
    const network = new MemoryNetwork()
    const clock = new HeldClock()
    const broker = await LoopbackBroker.start({
      network,
      clock,
      brokers: 2,
      topics: { Orders: { queues: 4 } },
      namesrvConfig: { orderMessageEnable: true }
    })
    open.push(() => broker.close())
    const { client } = remotingClient({ network, clock })
    open.push(() => client.close())
    const configure = async (value: string): Promise<void> => {
      const fields = Object.assign(emptyExtFields(), { namespace: 'ORDER_TOPIC_CONFIG', key: 'Orders', value })
      const answer = client.invoke(broker.namesrvAddr, RemotingCommand.request(PUT_KV_CONFIG, fields), 1000)
      await clock.advance(1)
      expect((await answer).code).toBe(0)
    }
    await configure('broker-b:2;broker-a:1')
    const producer = new DefaultMQProducer({ producerGroup: 'orders', ...broker.clientOptions() })
    await producer.start()
    open.push(async () => {
      const stopped = producer.shutdown()
      await clock.advance(1)
      await stopped
    })
    /** Queues that the keys 0, 1, 2 ... are sent to. */
    const queuesOf = async (keys: number): Promise<string[]> => {
      const names: string[] = []
      for (let key = 0; key < keys; key++) {
        const sent = producer.send(new Message({ topic: 'Orders', body: 'x' }), { selector: selectMessageQueueByHash, arg: key })
        await clock.advance(1)
        const { brokerName, queueId } = (await sent).messageQueue
        names.push(`${brokerName}/${queueId}`)
      }
      return names
    }
    expect(await queuesOf(4)).toEqual(['broker-b/0', 'broker-b/1', 'broker-a/0', 'broker-b/0'])
    const turns = Array.from({ length: 6 }, () => producer.send(new Message({ topic: 'Orders', body: 'x' })))
    await clock.advance(1)
    const inTurn = (await Promise.all(turns)).map(({ messageQueue }) => `${messageQueue.brokerName}/${messageQueue.queueId}`)
    expect([...new Set(inTurn)].sort()).toEqual(['broker-a/0', 'broker-b/0', 'broker-b/1'])
    await configure('broker-a:1;nonsense;broker-b:x')
    await clock.advance(31_000)
    expect(await queuesOf(2)).toEqual(['broker-a/0', 'broker-a/0'])
  })
})
