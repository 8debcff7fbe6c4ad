import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { nextTurn } from '../support/turns.ts'

closeAfterEach()

const queue = new MessageQueue('T', 'broker-a', 0)
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

/** A body that says which one it is, of about `size` bytes; large ones are compressed, the largest outside the event loop. */
function body(n: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(size, 8), 'lorem ipsum ')
  bytes.write(`${n};`, 0)
  return bytes
}

async function order(cluster: Awaited<ReturnType<typeof startCluster>>): Promise<number[]> {
  const { inflateSync } = await import('node:zlib')
  return cluster.sends.map((send) => {
    const plain = (send.header.sysFlag & 1) === 1 ? inflateSync(send.body) : send.body
    return Number.parseInt(plain.toString('latin1', 0, 12), 10)
  })
}

describe('call order', () => {
  it('net-N20 waiting for the route and the connection does not reorder, in any mode', async () => {
    const cluster = await startCluster()
    let open: () => void = () => {}
    cluster.routeGate = new Promise((resolve) => {
      open = resolve
    })
    const producer = await startProducer(cluster)
    const sends: Promise<unknown>[] = []
    for (let i = 0; i < 30; i++) {
      const message = new Message({ topic: 'T', body: String(i) })
      if (i % 3 === 0) sends.push(producer.send(message, { queue }))
      else if (i % 3 === 1)
        sends.push(new Promise<void>((resolve) => producer.send(message, { selector: () => queue }, () => resolve())))
      else sends.push(producer.sendOneway(message, { queue }))
      if (i === 20) open()
      if (i > 20) await nextTurn()
    }
    await Promise.all(sends)
    await producer.send(new Message({ topic: 'T', body: '30' }), { queue })
    expect(cluster.broker.bodies).toEqual(numbers(31))
  })

  it('net-N20 compression of large bodies does not reorder', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    await producer.send(new Message({ topic: 'T', body: body(0, 8) }), { queue })
    const sends: Promise<unknown>[] = []
    for (let i = 1; i < 24; i++) {
      const size = [8, 300_000, 5000, 8, 900_000][i % 5] as number
      sends.push(producer.send(new Message({ topic: 'T', body: body(i, size) }), { queue }))
      if (i % 4 === 0) await nextTurn()
    }
    await Promise.all(sends)
    expect(await order(cluster)).toEqual(numbers(24).map(Number))
  })

  it('net-N20 waiting for room does not reorder', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { backPressureForAsyncSendNum: 10, compressMsgBodyOverHowmuch: 4096 })
    const sends: Promise<unknown>[] = []
    for (let i = 0; i < 100; i++) {
      const size = i % 7 === 0 ? 200_000 : 8
      sends.push(producer.send(new Message({ topic: 'T', body: body(i, size) }), { queue }))
    }
    await Promise.all(sends)
    expect(await order(cluster)).toEqual(numbers(100).map(Number))
  })

  it('one that fails or gives up in line lets the others through, in order', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    let open: () => void = () => {}
    cluster.routeGate = new Promise((resolve) => {
      open = resolve
    })
    const producer = await startProducer(cluster)
    const controller = new AbortController()
    const first = rejection<RocketMQError>(
      producer.send(new Message({ topic: 'T', body: 'first' }), { queue, signal: controller.signal })
    )
    const short = rejection<RocketMQError>(producer.send(new Message({ topic: 'T', body: 'short' }), { queue, timeout: 50 }))
    const rest = Promise.all(numbers(5).map((text) => producer.send(new Message({ topic: 'T', body: text }), { queue })))
    await clock.advance(100)
    expect((await short).message).toContain('No route info of this topic: T')
    controller.abort()
    expect(await first).toMatchObject({ code: 'ABORTED', maybeStored: false })
    open()
    await clock.advance(1)
    await rest
    expect(cluster.broker.bodies).toEqual(numbers(5))
  })

  it('what a callback sends goes behind those who wait already', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ topics: ['T'], clock })
    let open: () => void = () => {}
    cluster.routeGate = new Promise((resolve) => {
      open = resolve
    })
    const producer = await startProducer(cluster)
    const done: Promise<unknown>[] = []
    const again = new Promise((resolve) => {
      producer.send(new Message({ topic: 'T', body: 'fails' }), { timeout: 10, queue }, () => {
        resolve(producer.send(new Message({ topic: 'T', body: '3' }), { queue }))
      })
    })
    for (const text of numbers(3)) done.push(producer.send(new Message({ topic: 'T', body: text }), { queue }))
    await clock.advance(20)
    open()
    await clock.advance(1)
    await Promise.all([...done, again])
    expect(cluster.broker.bodies).toEqual(numbers(4))
  })

  it('one topic that waits does not hold up another', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    await producer.send(new Message({ topic: 'U', body: 'x' }))
    let open: () => void = () => {}
    cluster.routeGate = new Promise((resolve) => {
      open = resolve
    })
    const waits = producer.send(new Message({ topic: 'T', body: 'late' }))
    await producer.send(new Message({ topic: 'U', body: 'at once' }))
    expect(cluster.broker.bodies).toEqual(['x', 'at once'])
    open()
    await waits
  })
})
