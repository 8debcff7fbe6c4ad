import { describe, expect, it, onTestFinished } from 'vitest'
import { RocketMQError } from '../../src/internal/errors.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { selectMessageQueueByMachineRoom } from '../../src/producer/selectors.ts'
import { splitBatch } from '../../src/producer/split-batch.ts'
import { decodeTraceData } from '../../src/producer/trace/trace-data-encoder.ts'
import { LocalTransactionState } from '../../src/producer/transaction-listener.ts'
import { TransactionMQProducer } from '../../src/producer/transaction-mq-producer.ts'
import { lz4NapiCompressor, nodeZstdCompressor, wasmZstdCompressor } from '../../src/protocol/compression-adapters.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { until } from '../support/turns.ts'

const message = (): Message => new Message({ topic: 'T', body: 'x' })
const bare = Object.create(null) as never
const queue = new MessageQueue('T', 'broker-a', 0)

async function startProducer(): Promise<TransactionMQProducer> {
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), topics: { T: { queues: 2 } } })
  const producer = new TransactionMQProducer({
    producerGroup: newGroup(),
    sendMsgTimeout: 300,
    ...broker.clientOptions(),
    transactionListener: {
      executeLocalTransaction: () => LocalTransactionState.COMMIT_MESSAGE,
      checkLocalTransaction: () => LocalTransactionState.COMMIT_MESSAGE
    }
  })
  await producer.start()
  onTestFinished(async () => {
    await producer.shutdown()
    await broker.close()
  })
  return producer
}

const withBody = (body: unknown): Message => Object.assign(message(), { body })
const withFlag = (flag: unknown): Message => Object.assign(message(), { flag })

// Whatever plain JavaScript may pass.
type Call = (producer: TransactionMQProducer) => unknown
const CALLS: Array<[string, Call, string]> = [
  ['a body that was taken away', (p) => p.send(withBody(null)), 'the message body is null'],
  ['no body', (p) => p.sendOneway(withBody(undefined)), 'the message body is null'],
  ['a flag that is a bigint', (p) => p.send(withFlag(1n)), 'flag is 1: a'],
  ['a flag that is a symbol', (p) => p.send(withFlag(Symbol('f'))), 'flag is Symbol(f): a'],
  ['a flag without a text', (p) => p.send(withFlag(bare)), 'flag is an object: a'],
  ['a timeout without a text', (p) => p.send(message(), { timeout: bare }), 'timeout is an object'],
  ['a timeout from the environment', (p) => p.send(message(), { timeout: '3000' as never }), "timeout is '3000': a number"],
  ['options of a request that are none', (p) => p.request(message(), 5 as never), 'the options of a send are 5'],
  ['a timeout by another name', (p) => p.send(message(), { timout: 5 } as never), 'no option timout: use timeout'],
  [
    'Java’s second argument',
    (p) => p.send(message(), queue as never),
    'no option brokerName: use queue (send(message, { queue }))'
  ],
  ['a queue by Java’s name', (p) => p.request(message(), { mq: queue } as never), 'no option mq: use queue'],
  ['an arg for nobody', (p) => p.send(message(), { arg: 'o-1' }), 'arg is given without a selector'],
  [
    'a key without a selector',
    (p) => p.send(message(), { shardingKey: 'o-1' } as never),
    'no option shardingKey: use selector (selector: selectMessageQueueByHash, arg: key)'
  ],
  ['a queue of a request that is none', (p) => p.request(message(), { queue: null as never }), 'queue is not a MessageQueue'],
  ['a selector of a request that is none', (p) => p.request(message(), { selector: 5 as never }), 'selector is not a function'],
  ['a signal of a query', (p) => p.maxOffset(queue, { signal: {} as never }), 'signal is not an AbortSignal'],
  ['a signal of a lookup', (p) => p.fetchPublishMessageQueues('T', { signal: 5 as never }), 'signal is not an AbortSignal'],
  ['options of a query', (p) => p.minOffset(queue, 'soon' as never), "the options of a call are 'soon'"],
  ['a topic without a text', (p) => p.fetchPublishMessageQueues(bare), 'The specified topic is blank'],
  ['a time without a text', (p) => p.searchOffset(queue, bare), 'timestamp is an object'],
  ['a boundary', (p) => p.searchOffset(queue, 0, { boundaryType: bare }), 'boundaryType is an object'],
  ['a number of queues', (p) => p.createTopic('TBW102', 'New', bare), 'queueNum is an object'],
  ['a flag of a topic', (p) => p.createTopic('TBW102', 'New', 1, { topicSysFlag: 'x' as never }), "topicSysFlag is 'x'"],
  ['attributes', (p) => p.createTopic('TBW102', 'New', 1, { attributes: null as never }), 'attributes is null'],
  ['a number of messages', (p) => p.queryMessage('T', 'k', bare, 0, 1), 'maxNum is an object'],
  ['a begin', (p) => p.queryMessage('T', 'k', 1, bare, 1), 'begin is an object'],
  ['a callback', (p) => p.send(message(), {}, 5 as never), 'callback is 5: allowed is a function'],
  ['a callback of a request', (p) => p.request(message(), {}, {} as never), 'callback is an object: allowed is a function'],
  [
    'a send hook',
    (p) => p.registerSendMessageHook(undefined as never),
    'hook is undefined: allowed is an object with sendMessage'
  ],
  ['half a send hook', (p) => p.registerSendMessageHook({ hookName: 'h' } as never), 'hook is an object: allowed is an object'],
  ['a forbidding hook', (p) => p.registerCheckForbiddenHook({} as never), 'allowed is an object with checkForbidden'],
  ['an ending hook', (p) => p.registerEndTransactionHook(null as never), 'allowed is an object with endTransaction'],
  ['one machine room', () => selectMessageQueueByMachineRoom('berlin'), "machineRooms is 'berlin': allowed is a list"],
  ['a limit of a batch', () => splitBatch([message()], bare), 'maxBytes is an object'],
  ['trace data', () => decodeTraceData(5 as never), 'neither text nor a Uint8Array'],
  ['a zlib without zstd', () => nodeZstdCompressor({ constants: {} } as never), 'needed is node:zlib of Node 22.15'],
  ['another module', () => lz4NapiCompressor(null as never), 'has no compressFrameSync'],
  ['another codec', () => wasmZstdCompressor({} as never), 'has no compress and decompress']
]

describe('a wrong argument of a public call', () => {
  it('producer-76 is named, with what is allowed, and the producer goes on', async () => {
    const producer = await startProducer()
    for (const [what, call, text] of CALLS) {
      const thrown = await (async () => call(producer))().then(
        () => undefined,
        (error: unknown) => error
      )
      expect(thrown, what).toBeInstanceOf(RocketMQError)
      const { code, message: said } = thrown as RocketMQError
      expect(said, what).toContain(text)
      expect(code, what).not.toBe('INTERNAL')
    }
    await expect(producer.send(message())).resolves.toMatchObject({ sendStatus: 'SEND_OK' })
  })

  it('options that are a function do not take the place of the callback behind them', async () => {
    const producer = await startProducer()
    const options = (() => expect.unreachable()) as never
    const sent = await new Promise<unknown>((resolve) => producer.send(message(), options, resolve))
    const asked = await new Promise<unknown>((resolve) => producer.request(message(), options, resolve))
    for (const error of [sent, asked]) expect(error).toMatchObject({ code: 'ILLEGAL_ARGUMENT' })
  })

  it('null as options is none', async () => {
    const producer = await startProducer()
    const transaction = producer.sendMessageInTransaction(message(), undefined, null as never)
    await expect(transaction).resolves.toMatchObject({ localTransactionState: 'COMMIT_MESSAGE' })
    await expect(producer.createTopic('TBW102', 'New', 1, null as never)).resolves.toBeUndefined()
    expect(splitBatch([message()], 1000, null as never)).toHaveLength(1)
  })

  it('a request that is refused leaves nothing for the shutdown to wait for', async () => {
    const producer = await startProducer()
    const { calls } = (producer as unknown as { impl: { context: { calls: { size: number } } } }).impl.context
    for (const options of [{ queue: null }, { selector: 5 }, { queue, selector: () => queue }, { timeout: 'x' }]) {
      await expect(producer.request(message(), options as never)).rejects.toBeInstanceOf(RocketMQError)
    }
    expect(calls.size).toBe(0)
  })

  it('the rejection of an asynchronous selector ends nothing but its send', async () => {
    const producer = await startProducer()
    const selector = (async () => {
      throw new Error('too late')
    }) as never
    await expect(producer.send(message(), { selector })).rejects.toMatchObject({ code: 'SELECTOR' })
    await until(() => producer.serviceState === 'RUNNING')
  })
})
