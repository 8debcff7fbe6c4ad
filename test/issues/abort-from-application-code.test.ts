import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { nextTurn } from '../support/turns.ts'

closeAfterEach()

const message = (): Message => new Message({ topic: 'T', body: 'x' })

describe('an abort from within application code that a send calls', () => {
  it('by the selector: nothing is sent', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const controller = new AbortController()
    const send = producer.send(message(), {
      signal: controller.signal,
      selector: (queues) => {
        controller.abort()
        return queues[0]
      }
    })
    expect(await rejection<RocketMQError>(send)).toMatchObject({ code: 'ABORTED', maybeStored: false })
    await producer.send(message())
    expect(cluster.broker.sends).toHaveLength(1)
  })

  it.each(['before-hook', 'forbidding hook'])('by a %s: nothing is sent, hooks are called in pairs', async (which) => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    let controller = new AbortController()
    const calls: string[] = []
    producer.registerCheckForbiddenHook({
      hookName: 'forbid',
      checkForbidden: () => {
        if (which === 'forbidding hook') controller.abort()
      }
    })
    producer.registerSendMessageHook({
      hookName: 'abort',
      sendMessageBefore: () => {
        calls.push('before')
        if (which === 'before-hook') controller.abort()
      },
      sendMessageAfter: () => void calls.push('after')
    })
    const send = producer.send(message(), { signal: controller.signal })
    expect(await rejection<RocketMQError>(send)).toMatchObject({ code: 'ABORTED' })
    controller = new AbortController()
    await nextTurn(5)
    expect(cluster.broker.sends).toHaveLength(0)
    expect(calls).toEqual(which === 'before-hook' ? ['before', 'after'] : [])
  })
})
