import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { KINDS, type LoopbackFaultAction, WHEN_FIELDS } from '../../src/loopback/fault-kinds.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { readText } from './support/code-blocks.ts'

/** Rows of the tables in docs/faults.md whose first column is a fault. */
const rows = readText('docs/faults.md')
  .split('\n')
  .filter((line) => line.startsWith('| `{ kind: '))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, then = '', , outcome = '', seen = '']) => ({
    literal: then,
    // A literal of our own document.
    then: new Function(`return (${then.replaceAll('`', '')})`)() as LoopbackFaultAction,
    outcome: outcome.replaceAll('`', ''),
    seen: Number(seen)
  }))

async function outcomeOf(producer: DefaultMQProducer): Promise<string> {
  try {
    return (await producer.send(new Message({ topic: 'Orders', body: 'x' }))).sendStatus
  } catch (error) {
    const { code, cause, maybeStored } = error as RocketMQError & { cause?: RocketMQError }
    const last = code === 'SEND_FAILED' ? (cause?.code ?? code) : code
    return `${last}, ${maybeStored ? 'maybe' : 'not'} stored`
  }
}

describe('docs/faults.md', () => {
  it('tool-6 has every kind of fault, and every field of when', () => {
    const text = readText('docs/faults.md')
    expect(Object.keys(KINDS).filter((kind) => !rows.some(({ then }) => then.kind === kind))).toEqual([])
    const fields = new Set([...Object.values(WHEN_FIELDS).flat(), 'nth', 'probability'])
    const places = ['request', 'store', 'route', 'connection'] as const
    for (const field of fields) {
      const [, , , ...cells] =
        text
          .split('\n')
          .find((line) => line.startsWith(`| \`${field}\` |`))
          ?.split('|') ?? []
      const common = field === 'nth' || field === 'probability'
      expect([field, ...cells.slice(0, 4).map((cell) => cell.trim())]).toEqual([
        field,
        ...places.map((place) => (common || WHEN_FIELDS[place].includes(field) ? 'yes' : ''))
      ])
    }
  })

  it.each(rows)('tool-6 $literal: $outcome, consumers see $seen', async ({ then, outcome, seen }) => {
    const clock = new HeldClock()
    const broker = await LoopbackBroker.start({
      network: new MemoryNetwork(),
      clock,
      topics: { Orders: { queues: 1 } },
      storeConfig: { flushDiskType: 'SYNC_FLUSH' }
    })
    const producer = new DefaultMQProducer({ producerGroup: 'faults', ...broker.clientOptions(), retryTimesWhenSendFailed: 0 })
    try {
      const atStore = then.kind === 'hold' && then.point !== undefined
      const when = KINDS[then.kind].place === 'request' && !atStore ? { code: 'SEND_MESSAGE_V2' } : {}
      const fault = broker.faults.add({ when, then })
      await producer.start()
      let ended: string | undefined
      const sent = outcomeOf(producer).then((text) => {
        ended = text
      })
      await fault.fired()
      while (ended === undefined) await clock.advance(100)
      await sent
      expect([ended, broker.messageCount('Orders')]).toEqual([outcome, seen])
    } finally {
      broker.faults.clear()
      const stopped = producer.shutdown()
      await clock.advance(3000)
      await stopped
      await broker.close()
    }
  })
})
