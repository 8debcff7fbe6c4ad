import { describe, expect, it, onTestFinished } from 'vitest'
import { RocketMQError } from '../../src/internal/errors.ts'
import type { Logger } from '../../src/internal/logger.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { TransactionMQProducer } from '../../src/producer/transaction-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'

const THROWN: Array<[string, unknown]> = [
  ['nothing', undefined],
  ['null', null],
  ['a symbol', Symbol('s')],
  ['an object without prototype', Object.create(null)],
  [
    'an object whose text throws',
    {
      toString() {
        throw new Error('no text')
      }
    }
  ],
  ['an error whose message is none', Object.assign(new Error('e'), { message: Symbol('m'), stack: 5 })]
]

const message = (): Message => new Message({ topic: 'T', body: 'x' })

/** A producer all of whose callbacks are `callback`. */
async function startProducer(callback: () => never): Promise<TransactionMQProducer> {
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), topics: { T: { queues: 1 } } })
  const logger: Logger = { debug: callback, info: callback, warn: callback, error: callback }
  const producer = new TransactionMQProducer({
    producerGroup: newGroup(),
    ...broker.clientOptions(),
    logger,
    callbackExecutor: callback,
    transactionListener: { executeLocalTransaction: callback, checkLocalTransaction: callback }
  })
  for (const event of ['started', 'connected', 'disconnected', 'stopped'] as const) producer.events.on(event, callback)
  producer.registerSendMessageHook({ hookName: 'h', sendMessageBefore: callback, sendMessageAfter: callback })
  producer.registerEndTransactionHook({ hookName: 'h', endTransaction: callback })
  await producer.start()
  onTestFinished(async () => {
    await producer.shutdown()
    await broker.close()
  })
  return producer
}

const viaCallback = (producer: TransactionMQProducer): Promise<unknown> =>
  new Promise((resolve, reject) => producer.send(message(), {}, (error, result) => (error ? reject(error) : resolve(result))))

describe('what callbacks throw or reject with harms nobody, whatever it is', () => {
  describe.each(['throw', 'reject'])('%s', (how) => {
    it.each(THROWN)('process-R4 %s', async (_name, thrown) => {
      const callback = (() => {
        if (how === 'reject') return Promise.reject(thrown)
        throw thrown
      }) as () => never
      const producer = await startProducer(callback)
      const stored = { sendStatus: 'SEND_OK' }
      await expect(producer.send(message())).resolves.toMatchObject(stored)
      await expect(viaCallback(producer)).resolves.toMatchObject(stored)
      await expect(producer.sendOneway(message())).resolves.toBeUndefined()
      const transaction = producer.sendMessageInTransaction(message())
      await expect(transaction).resolves.toMatchObject({ localTransactionState: 'UNKNOW' })
      await expect(producer.send(message(), { selector: callback })).rejects.toMatchObject({ code: 'SELECTOR' })
    })
  })

  it.each(THROWN)('an abort for %s', async (_name, reason) => {
    const producer = await startProducer((() => undefined) as () => never)
    const signal = AbortSignal.abort(reason)
    for (const call of [producer.send(message(), { signal }), producer.fetchPublishMessageQueues('T', { signal })]) {
      const error = await call.catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(RocketMQError)
      expect(error).toMatchObject({ code: 'ABORTED', maybeStored: false })
    }
  })
})
