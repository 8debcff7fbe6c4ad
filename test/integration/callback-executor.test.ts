import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'
import { LinesLogger } from '../support/remoting.ts'

closeAfterEach()

const message = (body = 'x'): Message => new Message({ topic: 'T', body })

describe('callbackExecutor', () => {
  it('producer-16 runs every callback of a send, good, failed and refused, and each of them once', async () => {
    const cluster = await startCluster()
    const waiting: Array<() => void> = []
    let came: () => void = () => {}
    const producer = await startProducer(cluster, {
      callbackExecutor: (run) => {
        waiting.push(run)
        if (waiting.length === 3) came()
      }
    })
    const all = new Promise<void>((resolve) => {
      came = resolve
    })
    cluster.script((seen, broker) => (seen.body.toString() === 'bad' ? broker.refuse(seen, 13) : broker.ok(seen)))
    const seen: string[] = []
    const note = (error: RocketMQError | undefined): void => void seen.push(error?.code ?? 'SEND_OK')
    producer.send(message(), {}, note)
    producer.send(message('bad'), {}, note)
    producer.send(message(''), {}, note)
    // A promise needs no executor.
    await producer.send(message())
    await all
    expect(seen).toEqual([])
    for (const run of [...waiting, ...waiting]) run()
    expect(seen.sort()).toEqual(['BROKER_REFUSED', 'MESSAGE_ILLEGAL', 'SEND_OK'])
    expect(waiting).toHaveLength(3)
  })

  it('producer-16 one that throws loses no outcome, and a shutdown does not wait for one that never runs anything', async () => {
    const cluster = await startCluster()
    const logger = new LinesLogger()
    const throwing = await startProducer(cluster, {
      logger,
      callbackExecutor: () => {
        throw new Error('full')
      }
    })
    const result = await new Promise((resolve) => throwing.send(message(), {}, (_, sent) => resolve(sent?.sendStatus)))
    expect(result).toBe('SEND_OK')
    expect(logger.lines).toContain('warn callbackExecutor threw: full')
    const never = await startProducer(cluster, { callbackExecutor: () => {}, drainTimeout: 60_000 })
    never.send(message(), {}, () => {})
    await never.shutdown()
    expect(() => new DefaultMQProducer({ producerGroup: 'g', callbackExecutor: 5 as never })).toThrow(
      'callbackExecutor is 5: allowed is a function'
    )
  })
})
