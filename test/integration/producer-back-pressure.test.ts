import { describe, expect, it } from 'vitest'
import { RemotingTooMuchRequestException } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (body: string | Buffer = 'x'): Message => new Message({ topic: 'T', body })

describe('back-pressure', () => {
  it('at the limit a send waits within its time, and fails with the figures', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster, { backPressureForAsyncSendNum: 10 })
    await producer.send(message())
    cluster.script(() => undefined)
    const stuck = Array.from({ length: 10 }, () => rejection(producer.send(message(), { timeout: 2000 })))
    const waits = rejection<RemotingTooMuchRequestException>(producer.send(message('waits'), { timeout: 500 }))
    await clock.advance(500)
    const error = await waits
    expect(error).toBeInstanceOf(RemotingTooMuchRequestException)
    expect(error.message).toContain('send message tryAcquire semaphoreAsyncNum timeout: 10 messages (limit 10)')
    expect(error).toMatchObject({ code: 'BACK_PRESSURE', maybeStored: false })
    expect(error.hint).toContain('backPressureForAsyncSendNum')
    await clock.advance(1500)
    await Promise.all(stuck)
    expect(cluster.broker.bodies).not.toContain('waits')
    cluster.script((seen, broker) => broker.ok(seen))
    const after = producer.send(message('after'))
    await clock.advance(1)
    expect((await after).sendStatus).toBe('SEND_OK')
  })

  it("with whenFull 'reject' it fails at once; bytes count too", async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, {
      backPressureForAsyncSendSize: 1024 * 1024,
      whenFull: 'reject',
      compressMsgBodyOverHowmuch: 1e9
    })
    await producer.send(message())
    let answer: () => void = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    cluster.script(async (seen, broker) => {
      await answered
      return broker.ok(seen)
    })
    const first = producer.send(message(Buffer.alloc(700_000)))
    const error = await rejection<RemotingTooMuchRequestException>(producer.send(message(Buffer.alloc(700_000))))
    expect(error.message).toContain('semaphoreAsyncSize timeout')
    expect(error.message).toContain('700000 bytes')
    const small = producer.send(message())
    answer()
    await Promise.all([first, small])
    expect((await producer.send(message(Buffer.alloc(700_000)))).sendStatus).toBe('SEND_OK')
  })

  it('producer-9 every way a send can end gives its room back', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster, {
      backPressureForAsyncSendNum: 10,
      whenFull: 'reject',
      retryTimesWhenSendFailed: 1
    })
    await producer.send(message())
    for (let round = 0; round < 5; round++) {
      const controller = new AbortController()
      let n = 0
      cluster.script((seen, broker) => [broker.ok(seen), broker.refuse(seen, 13), broker.refuse(seen, 2), undefined][n++ % 4])
      const ends = Array.from({ length: 8 }, (_, i) =>
        producer.send(message(), { timeout: 100, signal: i === 7 ? controller.signal : undefined }).catch(() => {})
      )
      ends.push(producer.sendOneway(message()).catch(() => {}))
      ends.push(producer.send(message(), { selector: () => undefined as never }).catch(() => {}) as Promise<undefined>)
      await clock.advance(1)
      controller.abort()
      await clock.advance(200)
      await Promise.all(ends)
    }
    cluster.script((seen, broker) => broker.ok(seen))
    const all = Promise.all(Array.from({ length: 10 }, () => producer.send(message())))
    await clock.advance(1)
    expect((await all).every((result) => result.sendStatus === 'SEND_OK')).toBe(true)
    producer.backPressureForAsyncSendNum = 12
    expect(producer.backPressureForAsyncSendNum).toBe(12)
  })
})
