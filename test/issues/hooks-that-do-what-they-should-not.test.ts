import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (): Message => new Message({ topic: 'T', body: 'original' })

describe('a hook that does what it should not', () => {
  it('puts a text where the body is: the send is refused, not stored as so many zero bytes', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const exceptions: unknown[] = []
    producer.registerSendMessageHook({
      hookName: 'encrypts',
      sendMessageBefore: (context) => void Object.assign(context.message, { body: 'secret' }),
      sendMessageAfter: ({ exception }) => void exceptions.push(exception?.code)
    })
    const error = await rejection<RocketMQError>(producer.send(message()))
    expect(error).toMatchObject({ code: 'MESSAGE_ILLEGAL', maybeStored: false })
    expect(error.hint).toContain('Buffer.from(text)')
    expect([cluster.sends.length, exceptions]).toEqual([0, ['MESSAGE_ILLEGAL']])
  })

  it('decides later: a check that returns a promise forbids the send, whatever the promise says', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    producer.registerCheckForbiddenHook({ hookName: 'asks', checkForbidden: async () => {} })
    const error = await rejection<RocketMQError>(producer.send(message()))
    expect(error).toMatchObject({ code: 'FORBIDDEN', maybeStored: false })
    expect(error.message).toBe('hook asks forbids this send: it returned a promise, and has to decide at once')
    expect(cluster.sends).toEqual([])
  })

  it('throws around a request: the error is that of the hook, and no name server is blamed', async () => {
    const cluster = await startCluster()
    const hook = {
      doBeforeRequest() {
        throw new Error('no token')
      },
      doAfterResponse() {}
    }
    const producer = await startProducer(cluster, { rpcHooks: [hook] })
    const error = await rejection<RocketMQError>(producer.send(message()))
    expect(error).toMatchObject({ code: 'RPC_HOOK_FAILED', maybeStored: false })
    expect(error.message).toBe('No route info of this topic: T: an RPC hook failed: no token')
    expect(error.hint).toContain('rpcHooks')
  })

  it('lacks one of its two functions: the constructor says so', async () => {
    const cluster = await startCluster()
    const half = { rpcHooks: [{ doBeforeRequest() {} }] } as never
    await expect(startProducer(cluster, half)).rejects.toThrow(
      'rpcHooks is an array: allowed is an array, each of it an object with doBeforeRequest, doAfterResponse'
    )
  })
})
