import { describe, expect, it } from 'vitest'
import { MQClientInstance } from '../../src/client/mq-client-instance.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import type { PubTrace } from '../../src/producer/trace/trace-context.ts'
import { decodeTraceData } from '../../src/producer/trace/trace-data-encoder.ts'
import { LocalTransactionState } from '../../src/producer/transaction-listener.ts'
import { TransactionMQProducer } from '../../src/producer/transaction-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const TRACE_TOPIC = 'RMQ_SYS_TRACE_TOPIC'
const { COMMIT_MESSAGE, ROLLBACK_MESSAGE } = LocalTransactionState

/** Runs `work` with a broker that has a trace topic and a producer that traces, shuts the producer down, and gives what was traced. */
async function traced(
  options: Partial<DefaultMQProducerOptions>,
  work: (producer: DefaultMQProducer, broker: LoopbackBroker) => Promise<void>,
  traceTopic = TRACE_TOPIC
) {
  const topics = { T: { queues: 1 }, 'ns%T': { queues: 1 }, MyTrace: { queues: 1 }, TU: { queues: 1 } }
  const broker = await LoopbackBroker.start({ topics, network: new MemoryNetwork(), brokerConfig: { traceTopicEnable: true } })
  try {
    const producer = new DefaultMQProducer({
      producerGroup: newGroup(),
      ...broker.clientOptions(),
      enableTrace: true,
      ...options
    })
    await producer.start()
    try {
      await work(producer, broker)
    } finally {
      await producer.shutdown()
    }
    const messages = broker.messages(traceTopic)
    return { messages, records: messages.flatMap(({ body }) => decodeTraceData(body) as PubTrace[]), broker, producer }
  } finally {
    await broker.close()
  }
}

describe('message trace', () => {
  it('tells the trace topic of each message a broker has taken, by the time the producer is shut down', async () => {
    let sent: unknown
    const { messages, records } = await traced({}, async (producer, broker) => {
      const result = await producer.send(new Message({ topic: 'T', body: 'hello', tags: 'paid', keys: ['k1', 'k2'] }))
      const [stored] = broker.messages('T')
      sent = {
        traceType: 'Pub',
        timeStamp: expect.closeTo(Date.now(), -4),
        regionId: 'DefaultRegion',
        groupName: producer.producerGroup,
        topic: 'T',
        msgId: result.msgId,
        tags: 'paid',
        keys: 'k1 k2',
        storeHost: stored === undefined ? '' : `127.0.0.1:${stored.storeHost.port}`,
        bodyLength: 5,
        costTime: expect.any(Number),
        msgType: 'Normal_Msg',
        offsetMsgId: result.offsetMsgId,
        success: true
      }
      await producer.send(new Message({ topic: 'T', body: 'x', delayTimeLevel: 1 }))
    })
    expect(records).toHaveLength(2)
    expect(records[0]).toEqual(sent)
    expect(records[1]).toMatchObject({ msgType: 'Delay_Msg', tags: undefined, keys: undefined })
    expect(messages.map(({ keys }) => keys?.split(' '))).toEqual([[records[0]?.msgId, 'k1', 'k2', records[1]?.msgId]])
  })

  it('holds one record of a batch, none of a oneway send, none of what goes to the trace topic itself', async () => {
    const { records } = await traced(
      { traceTopic: 'TU' },
      async (producer) => {
        await producer.send([new Message({ topic: 'T', body: 'a' }), new Message({ topic: 'T', body: 'b' })])
        await producer.sendOneway(new Message({ topic: 'T', body: 'c' }))
        await producer.send(new Message({ topic: 'TU', body: 'no record' }))
      },
      'TU'
    )
    expect(records.map(({ topic, msgId }) => [topic, msgId.split(',').length])).toEqual([['T', 2]])
  })

  it('producer-15 goes to a topic of its own where one is given, and names topic and group without namespace', async () => {
    const { records, producer } = await traced(
      { traceTopic: 'MyTrace', namespace: 'ns' },
      async (each) => {
        await each.send(new Message({ topic: 'T', body: 'x' }))
      },
      'MyTrace'
    )
    expect(records).toMatchObject([{ topic: 'T', groupName: producer.producerGroup }])
    expect([producer.enableTrace, producer.traceTopic]).toEqual([true, 'MyTrace'])
  })

  it.each([
    [COMMIT_MESSAGE, 'COMMIT_MESSAGE'],
    [ROLLBACK_MESSAGE, 'ROLLBACK_MESSAGE']
  ])('producer-55 tells once of the end of a transaction: %s', async (state, transactionState) => {
    const broker = await LoopbackBroker.start({
      topics: { T: { queues: 1 } },
      network: new MemoryNetwork(),
      brokerConfig: { traceTopicEnable: true }
    })
    const producer = new TransactionMQProducer({
      producerGroup: newGroup(),
      ...broker.clientOptions(),
      enableTrace: true,
      transactionListener: { executeLocalTransaction: () => state, checkLocalTransaction: () => state }
    })
    await producer.start()
    const { msgId } = await producer.sendMessageInTransaction(new Message({ topic: 'T', body: 'x', tags: 'tag', keys: 'k' }))
    await producer.shutdown()
    const records = broker.messages(TRACE_TOPIC).flatMap(({ body }) => decodeTraceData(body))
    const common = { msgId, topic: 'T', tags: 'tag', keys: 'k', groupName: producer.producerGroup }
    expect(records).toEqual([
      expect.objectContaining({ traceType: 'Pub', ...common, msgType: 'Trans_Msg_Half' }),
      expect.objectContaining({
        traceType: 'EndTransaction',
        ...common,
        msgType: 'Trans_msg_Commit',
        transactionState,
        fromTransactionCheck: false
      })
    ])
    await broker.close()
  })

  it('security-X9 holds no key of the producer, and no signature', async () => {
    const credentials = { accessKey: 'access-key-1', secretKey: 'secret-key-1', securityToken: 'token-1' }
    const { messages } = await traced({ credentials }, async (producer) => {
      await producer.send(new Message({ topic: 'T', body: 'x' }))
    })
    expect(messages).toHaveLength(1)
    for (const { raw } of messages) expect(raw.toString('latin1')).not.toMatch(/access-key|secret-key|token-1|Signature/i)
  })

  it('tells of recalled messages', async () => {
    const broker = await LoopbackBroker.start({
      topics: { T: { queues: 1 } },
      network: new MemoryNetwork(),
      brokerConfig: { traceTopicEnable: true, recallMessageEnable: true }
    })
    const producer = new DefaultMQProducer({ producerGroup: newGroup(), ...broker.clientOptions(), enableTrace: true })
    await producer.start()
    const { msgId, recallHandle = '' } = await producer.send(new Message({ topic: 'T', body: 'x', delayTimeSec: 60 }))
    await producer.recallMessage('T', recallHandle)
    await producer.shutdown()
    const records = broker.messages(TRACE_TOPIC).flatMap(({ body }) => decodeTraceData(body))
    expect(records[1]).toMatchObject({ traceType: 'Recall', topic: 'T', msgId, success: true, groupName: producer.producerGroup })
    await broker.close()
  })

  it('says nothing of messages whose broker has tracing off', async () => {
    const broker = await LoopbackBroker.start({
      topics: { T: {} },
      network: new MemoryNetwork(),
      brokerConfig: { traceTopicEnable: true, traceOn: false }
    })
    const producer = new DefaultMQProducer({ producerGroup: newGroup(), ...broker.clientOptions(), enableTrace: true })
    await producer.start()
    const { traceOn } = await producer.send(new Message({ topic: 'T', body: 'x' }))
    await producer.shutdown()
    expect([traceOn, broker.messageCount(TRACE_TOPIC)]).toEqual([false, 0])
    await broker.close()
  })

  it('travels five seconds later at most, while the producer runs', async () => {
    const clock = new HeldClock()
    const broker = await LoopbackBroker.start({
      topics: { T: {} },
      network: new MemoryNetwork(),
      clock,
      brokerConfig: { traceTopicEnable: true }
    })
    const producer = new DefaultMQProducer({ producerGroup: newGroup(), ...broker.clientOptions(), enableTrace: true })
    await producer.start()
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    expect(broker.messageCount(TRACE_TOPIC)).toBe(0)
    await clock.advance(5100)
    expect(broker.messageCount(TRACE_TOPIC)).toBe(1)
    const stopped = producer.shutdown()
    await clock.advance(3000)
    await stopped
    await broker.close()
  })

  it('whose topic cannot be reached slows no send and fails none; what is lost is counted and told', async () => {
    const cluster = await startCluster({ topics: ['T'] })
    const warnings: string[] = []
    const logger = { debug() {}, info() {}, warn: (text: string) => void warnings.push(text), error() {} }
    const producer = await startProducer(cluster, { enableTrace: true, traceMsgBatchNum: 1, logger })
    const told = new Promise<number>((resolve) => producer.events.once('traceDiscarded', resolve))
    const { sendStatus } = await producer.send(new Message({ topic: 'T', body: 'x' }))
    expect([sendStatus, await told]).toEqual(['SEND_OK', 1])
    expect(warnings.filter((text) => text.includes('trace records were dropped'))).toHaveLength(1)
    expect(warnings.join()).toContain('No route info of this topic: RMQ_SYS_TRACE_TOPIC')
  })

  it('that is not answered does not hold the shutdown longer than the drain', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    cluster.broker.script = (send) => (send.header.topic === TRACE_TOPIC ? undefined : cluster.broker.ok(send))
    const producer = await startProducer(cluster, { enableTrace: true, drainTimeout: 700 })
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    const from = clock.monotonic()
    let took = 0
    const stopping = producer.shutdown().then(() => {
      took = clock.monotonic() - from
    })
    await clock.advance(2000)
    await stopping
    expect(took).toBe(700)
  })

  it('producer-58 is sent over the connections of its producer, by a group of its own, without hooks and compression of its own', async () => {
    const cluster = await startCluster()
    const hooked: string[] = []
    const group = newGroup()
    const producer = await startProducer(cluster, { producerGroup: group, enableTrace: true, traceMsgBatchNum: 1 })
    producer.registerSendMessageHook({
      hookName: 'seen',
      sendMessageBefore: ({ message }) => void hooked.push(message.topic),
      sendMessageAfter() {}
    })
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    const [own, trace] = await cluster.broker.events.take(2)
    expect(trace?.header.producerGroup).toMatch(new RegExp(`^_INNER_TRACE_PRODUCER-${group}-PRODUCE-\\d+$`))
    expect(trace?.connection).toBe(own?.connection)
    expect(hooked).toEqual(['T'])
  })

  it('leaves no client behind', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { enableTrace: true, instanceName: 'one' })
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    await producer.shutdown()
    expect(cluster.broker.unregistered).toBe(2)
    const options = { ...cluster.clientOptions(), instanceName: 'one' }
    const fresh = MQClientInstance.acquire(options)
    expect(fresh.remoting.closed).toBe(false)
    await fresh.release()
    expect(fresh.remoting.closed).toBe(true)
  })
})
