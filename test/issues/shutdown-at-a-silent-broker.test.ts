import { expect, it } from 'vitest'
import { FaultTable } from '../../src/internal/fault-table.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { nextTurn } from '../support/turns.ts'

it('process-R6 a broker that answers nothing any more holds a shutdown up for drainTimeout and half a second, no longer', async () => {
  const clock = new HeldClock()
  const faults = new FaultTable()
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), clock, faults, topics: { T: { queues: 1 } } })
  const producer = new DefaultMQProducer({ producerGroup: newGroup(), drainTimeout: 1000, ...broker.clientOptions() })
  await producer.start()
  await producer.send(new Message({ topic: 'T', body: 'x' }))
  const silence = faults.add({ when: { point: 'response' }, then: { kind: 'drop' } })
  const begin = clock.monotonic()
  const settled: Array<[string, unknown, number]> = []
  const note = (name: string, call: Promise<unknown>): Promise<void> =>
    call.then(
      () => void settled.push([name, 'ok', clock.monotonic() - begin]),
      (error: { code: string }) => void settled.push([name, error.code, clock.monotonic() - begin])
    )
  const all = [
    note('send', producer.send(new Message({ topic: 'T', body: 'x' }), { timeout: 60_000 })),
    note('query', producer.maxOffset(new MessageQueue('T', 'broker-a', 0), { timeout: 60_000 })),
    note('shutdown', producer.shutdown())
  ]
  for (let i = 0; i < 16; i++) {
    await nextTurn(3)
    await clock.advance(100)
  }
  await nextTurn(3)
  expect(settled.map(([name, code]) => [name, code])).toEqual([
    ['send', 'SHUTDOWN'],
    ['query', expect.stringMatching(/CLIENT_CLOSED|CONNECTION_LOST/)],
    ['shutdown', 'ok']
  ])
  expect(settled.at(-1)?.[2]).toBeLessThanOrEqual(1600)
  await Promise.all(all)
  silence.remove()
  await broker.close()
})
