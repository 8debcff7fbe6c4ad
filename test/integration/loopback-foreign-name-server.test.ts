import { afterEach, describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { startOurBroker } from '../interop/harness/ours.js'

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(options: Parameters<typeof LoopbackBroker.start>[0]): Promise<LoopbackBroker> {
  const broker = await LoopbackBroker.start(options)
  open.push(() => broker.close())
  return broker
}

async function brokersOf(namesrvAddr: string, sends: number): Promise<Set<string>> {
  const producer = new DefaultMQProducer({ producerGroup: 'joins', namesrvAddr })
  await producer.start()
  open.push(() => producer.shutdown())
  const names = new Set<string>()
  for (let i = 0; i < sends; i++) {
    const { messageQueue } = await producer.send(new Message({ topic: 'T', body: 'x' }))
    names.add(messageQueue.brokerName)
  }
  return names
}

describe('brokers under name servers of others', () => {
  it('loopback-17 register with those that are given, and leave them at the end', async () => {
    const first = await start({ topics: { T: { queues: 2 } } })
    const second = await LoopbackBroker.start({
      namesrvAddr: first.namesrvAddr,
      brokers: [{ brokerName: 'broker-b' }],
      topics: { T: { queues: 2 } }
    })
    expect(second.clientOptions().namesrvAddr).toBe(first.namesrvAddr)
    expect(await brokersOf(second.clientOptions().namesrvAddr, 8)).toEqual(new Set(['broker-a', 'broker-b']))
    expect(second.messages('T').length).toBeGreaterThan(0)
    expect(() => second.nameServer).toThrow(`no name server of its own: it is registered with ${first.namesrvAddr}`)
    await expect(second.kill('namesrv')).rejects.toMatchObject({ code: 'BAD_OPTION' })
    await second.close()
    expect(first.nameServer.routes.pickupTopicRouteData('T')?.brokerDatas.map(({ brokerName }) => brokerName)).toEqual([
      'broker-a'
    ])
  })

  it('loopback-17 serve a process of the command line, which names them in its ready line', async () => {
    const first = await start({ topics: { T: { queues: 2 } } })
    const second = await startOurBroker({
      topics: { T: 2 },
      args: ['--set', `namesrvAddr=${first.namesrvAddr}`, '--set', 'brokerName=broker-b']
    })
    open.push(() => second.stop())
    expect(second.namesrvAddr).toBe(first.namesrvAddr)
    expect(await brokersOf(first.namesrvAddr, 8)).toEqual(new Set(['broker-a', 'broker-b']))
  })

  it('loopback-17 refuse what is no address, and fail where nobody listens', async () => {
    await expect(LoopbackBroker.start({ namesrvAddr: 'nowhere' })).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('namesrvAddr')
    })
    await expect(LoopbackBroker.start({ namesrvAddr: '127.0.0.1:1' })).rejects.toThrow('127.0.0.1:1')
  })
})
