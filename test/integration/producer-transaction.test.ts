import { describe, expect, it, onTestFinished } from 'vitest'
import { FaultTable } from '../../src/internal/fault-table.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import type { EndTransactionContext } from '../../src/producer/end-transaction-hook.ts'
import { LocalTransactionState, type TransactionListener } from '../../src/producer/transaction-listener.ts'
import { TransactionMQProducer, type TransactionMQProducerOptions } from '../../src/producer/transaction-mq-producer.ts'
import { Message, type MessageExt } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { rejection } from '../support/producers.ts'
import { LinesLogger } from '../support/remoting.ts'
import { until } from '../support/turns.ts'

const { COMMIT_MESSAGE, ROLLBACK_MESSAGE, UNKNOW } = LocalTransactionState
const HALF = 'RMQ_SYS_TRANS_HALF_TOPIC'
const SECOND = 1000

class Rig {
  readonly clock = new HeldClock()
  readonly faults = new FaultTable()
  readonly logger = new LinesLogger()
  readonly group = newGroup()
  readonly executed: Array<{ message: Message; arg: unknown }> = []
  readonly checked: MessageExt[] = []
  readonly ended: EndTransactionContext[] = []
  readonly #open: Array<() => Promise<void>> = []
  broker!: LoopbackBroker

  static async start(options: LoopbackBrokerOptions = {}): Promise<Rig> {
    const rig = new Rig()
    const { clock, faults } = rig
    rig.broker = await LoopbackBroker.start({
      network: new MemoryNetwork(),
      clock,
      faults,
      topics: { T: { queues: 2 } },
      ...options,
      brokerConfig: { transactionCheckInterval: 3 * SECOND, transactionTimeOut: 2 * SECOND, ...options.brokerConfig }
    })
    onTestFinished(() => rig.stop())
    return rig
  }

  async producer(
    listener: Partial<TransactionListener>,
    options: Partial<TransactionMQProducerOptions> = {}
  ): Promise<TransactionMQProducer> {
    const { executeLocalTransaction = () => UNKNOW, checkLocalTransaction = () => UNKNOW } = listener
    const producer = new TransactionMQProducer({
      producerGroup: this.group,
      logger: this.logger,
      drainTimeout: 0,
      ...this.broker.clientOptions(),
      transactionListener: {
        executeLocalTransaction: (message, arg) => {
          this.executed.push({ message, arg })
          return executeLocalTransaction(message, arg)
        },
        checkLocalTransaction: (message) => {
          this.checked.push(message)
          return checkLocalTransaction(message)
        }
      },
      ...options
    })
    producer.registerEndTransactionHook({ hookName: 'ends', endTransaction: (context) => void this.ended.push(context) })
    await producer.start()
    this.#open.push(() => producer.shutdown())
    return producer
  }

  warnings(): string[] {
    return this.logger.lines.filter((line) => line.startsWith('warn'))
  }

  async stop(): Promise<void> {
    for (const close of this.#open) {
      const closed = close()
      await this.clock.advance(0)
      await closed
    }
    await this.broker.close()
  }
}

const message = (more: Record<string, unknown> = {}): Message =>
  new Message({ topic: 'T', tags: 'paid', keys: 'o-1', body: 'order', ...more })

describe('sendMessageInTransaction', () => {
  it('producer-91 commit: the listener runs once the half message is stored, and consumers see the message afterwards', async () => {
    const rig = await Rig.start()
    let visible = -1
    const producer = await rig.producer({
      async executeLocalTransaction() {
        visible = rig.broker.messageCount('T')
        expect(rig.broker.messageCount(HALF)).toBe(1)
        return COMMIT_MESSAGE
      }
    })
    const given = message()
    const before = new Map(given.properties)
    const result = await producer.sendMessageInTransaction(given, { order: 7 })
    expect(result).toMatchObject({ sendStatus: 'SEND_OK', localTransactionState: COMMIT_MESSAGE })
    expect(visible).toBe(0)
    await rig.broker.waitForMessages('T', 1)
    const [stored] = rig.broker.messages('T')
    expect(stored).toMatchObject({ tags: 'paid', keys: 'o-1', msgId: result.msgId })
    expect(stored!.preparedTransactionOffset).toBe(rig.broker.messages(HALF)[0]!.commitLogOffset)
    expect(stored!.body.toString()).toBe('order')
    expect(rig.executed).toHaveLength(1)
    expect(rig.executed[0]!.arg).toEqual({ order: 7 })
    expect(rig.executed[0]!.message).toMatchObject({ topic: 'T', uniqKey: result.msgId, transactionId: result.msgId })
    expect(given.properties).toEqual(before)
  })

  it('producer-91 rollback: consumers never see the message, and nobody is asked', async () => {
    const rig = await Rig.start()
    const producer = await rig.producer({ executeLocalTransaction: () => ROLLBACK_MESSAGE })
    const { localTransactionState } = await producer.sendMessageInTransaction(message())
    expect(localTransactionState).toBe(ROLLBACK_MESSAGE)
    await rig.clock.advance(20 * SECOND)
    expect(rig.broker.messageCount('T')).toBe(0)
    expect(rig.checked).toEqual([])
  })

  it('producer-92 unknown: the broker asks, and the answer commits', async () => {
    const rig = await Rig.start()
    const producer = await rig.producer({ checkLocalTransaction: async () => COMMIT_MESSAGE })
    const { localTransactionState, msgId } = await producer.sendMessageInTransaction(message())
    expect(localTransactionState).toBe('UNKNOW')
    await rig.clock.advance(30 * SECOND)
    expect(rig.checked).toHaveLength(1)
    expect(rig.checked[0]).toMatchObject({ topic: 'T', tags: 'paid', msgId, transactionId: msgId, brokerName: 'broker-a' })
    expect(rig.checked[0]!.body.toString()).toBe('order')
    expect(rig.broker.messages('T').map((stored) => stored.msgId)).toEqual([msgId])
  })

  it('producer-92 a producer of the group that never sent the message is asked after the first one is gone', async () => {
    const rig = await Rig.start()
    const first = await rig.producer({})
    const { msgId } = await first.sendMessageInTransaction(message())
    await first.shutdown()
    // It knows the broker from a topic it was told of at the start.
    await rig.producer({ checkLocalTransaction: () => COMMIT_MESSAGE }, { topics: ['T'] })
    await rig.clock.advance(6 * SECOND)
    expect(rig.broker.messages('T').map((stored) => stored.msgId)).toEqual([msgId])
  })

  it('producer-93 a listener that throws, rejects or answers nonsense counts as unknown', async () => {
    const rig = await Rig.start()
    const answers: Array<() => unknown> = [
      () => {
        throw new Error('boom')
      },
      async () => {
        throw new Error('async boom')
      },
      () => undefined,
      () => 'COMMIT',
      () => 'UNKNOWN'
    ]
    const next = (): never => answers.shift()!() as never
    const producer = await rig.producer({ executeLocalTransaction: next })
    const states: string[] = []
    while (answers.length > 0) states.push((await producer.sendMessageInTransaction(message())).localTransactionState)
    expect(states).toEqual([UNKNOW, UNKNOW, UNKNOW, UNKNOW, UNKNOW])
    const log = rig.warnings().join('\n')
    for (const text of ['boom', 'async boom', 'answered undefined', 'answered COMMIT']) expect(log).toContain(text)
    expect(rig.broker.messageCount('T')).toBe(0)
  })

  it('producer-94 a half message that is stored but not flushed in time is rolled back without its local transaction', async () => {
    const rig = await Rig.start({ storeConfig: { flushDiskType: 'SYNC_FLUSH' } })
    const producer = await rig.producer({ executeLocalTransaction: () => COMMIT_MESSAGE }, { topics: ['T'] })
    const held = rig.faults.add({ when: { point: 'flush', topic: HALF }, then: { kind: 'hold' }, times: 1 })
    const sent = producer.sendMessageInTransaction(message())
    await rig.clock.advance(2000)
    held.release()
    expect(await sent).toMatchObject({ sendStatus: 'FLUSH_DISK_TIMEOUT', localTransactionState: ROLLBACK_MESSAGE })
    expect(rig.executed).toEqual([])
    await rig.clock.advance(20 * SECOND)
    expect([rig.broker.messageCount('T'), rig.checked.length]).toEqual([0, 0])
  })

  it('producer-94 a half message that was not stored runs nothing, and the error says why', async () => {
    const rig = await Rig.start({ brokerConfig: { rejectTransactionMessage: true } })
    const producer = await rig.producer({}, { retryTimesWhenSendFailed: 0 })
    const error = await rejection<Error & { code: string; cause: Error; uniqKey: string }>(
      producer.sendMessageInTransaction(message())
    )
    expect(error.message).toContain('send message Exception')
    expect(error.message).toContain('sending transaction message is forbidden')
    expect(error.cause.message).toContain('forbidden')
    expect(error.uniqKey).toHaveLength(32)
    expect(rig.executed).toEqual([])
  })

  it('producer-95 a half message is never delayed', async () => {
    const rig = await Rig.start()
    const producer = await rig.producer({ executeLocalTransaction: () => COMMIT_MESSAGE })
    const delayed = message({ delayTimeLevel: 3 })
    for (const name of ['TIMER_DELAY_SEC', 'TIMER_DELAY_MS', 'TIMER_DELIVER_MS', '__STARTDELIVERTIME'])
      delayed.properties.set(name, '9')
    await producer.sendMessageInTransaction(delayed)
    await rig.broker.waitForMessages('T', 1)
    const names = [...rig.broker.messages('T')[0]!.properties.keys()]
    expect(names.filter((name) => /DELAY|TIMER|STARTDELIVER/.test(name))).toEqual([])
    expect(delayed.delayTimeLevel).toBe(3)
  })

  it('producer-96 hooks see each end once: what it was, and whether the broker had asked', async () => {
    const rig = await Rig.start()
    const states = [COMMIT_MESSAGE, UNKNOW]
    const producer = await rig.producer({
      executeLocalTransaction: () => states.shift()!,
      checkLocalTransaction: () => ROLLBACK_MESSAGE
    })
    producer.registerEndTransactionHook({
      hookName: 'broken',
      endTransaction() {
        throw new Error('hook boom')
      }
    })
    const { msgId } = await producer.sendMessageInTransaction(message())
    const brokerAddr = rig.broker.brokers[0]!.addr
    const { group: producerGroup } = rig
    expect(rig.ended).toMatchObject([
      { producerGroup, brokerAddr, msgId, transactionId: msgId, transactionState: COMMIT_MESSAGE, fromTransactionCheck: false }
    ])
    const second = await producer.sendMessageInTransaction(message())
    await rig.clock.advance(6 * SECOND)
    expect(
      rig.ended.map(({ msgId: id, transactionState, fromTransactionCheck }) => [id, transactionState, fromTransactionCheck])
    ).toEqual([
      [msgId, COMMIT_MESSAGE, false],
      [second.msgId, UNKNOW, false],
      [second.msgId, ROLLBACK_MESSAGE, true]
    ])
    expect(rig.broker.messageCount('T')).toBe(1)
    expect(rig.warnings().some((line) => line.includes('hook boom'))).toBe(true)
  })

  it('producer-97 a broker that does not hear of the end asks later', async () => {
    const rig = await Rig.start()
    const producer = await rig.producer({
      executeLocalTransaction: () => COMMIT_MESSAGE,
      checkLocalTransaction: () => COMMIT_MESSAGE
    })
    rig.faults.add({ when: { point: 'request', code: 37 }, then: { kind: 'drop' }, times: 1 })
    const { localTransactionState } = await producer.sendMessageInTransaction(message())
    expect(localTransactionState).toBe(COMMIT_MESSAGE)
    await rig.clock.advance(SECOND)
    expect(rig.broker.messageCount('T')).toBe(0)
    await rig.clock.advance(5 * SECOND)
    expect(rig.broker.messageCount('T')).toBe(1)
    expect(rig.checked).toHaveLength(1)
  })

  it('the end is signed where the broker checks signatures, asked for or not', async () => {
    const account = { accessKey: 'shop-key', secretKey: 'secret-of-shop', topicPerms: ['T=PUB'] }
    const rig = await Rig.start({ acl: { accounts: [account] } })
    const { accessKey, secretKey } = account
    const states = [COMMIT_MESSAGE, UNKNOW]
    const producer = await rig.producer(
      { executeLocalTransaction: () => states.shift()!, checkLocalTransaction: () => COMMIT_MESSAGE },
      { credentials: { accessKey, secretKey } }
    )
    await producer.sendMessageInTransaction(message())
    await producer.sendMessageInTransaction(message())
    await rig.clock.advance(0)
    expect(rig.broker.messageCount('T')).toBe(1)
    await rig.clock.advance(3 * SECOND)
    expect(rig.broker.messageCount('T')).toBe(2)
  })

  it('producer-98 wrong use is told: no listener, no message, not started, options out of range', async () => {
    const rig = await Rig.start()
    const producer = await rig.producer({})
    await expect(producer.sendMessageInTransaction(undefined as never)).rejects.toThrow('the message is null')
    await expect(producer.sendMessageInTransaction(new Message({ topic: 'T', body: '' }))).rejects.toThrow('body length is zero')
    producer.transactionListener = undefined
    await expect(producer.sendMessageInTransaction(message())).rejects.toThrow('TransactionListener is null')
    const idle = new TransactionMQProducer({ producerGroup: 'idle' })
    await expect(idle.sendMessageInTransaction(message())).rejects.toThrow('The producer service state not OK, CREATE_JUST')
    for (const name of ['checkThreadPoolMinSize', 'checkThreadPoolMaxSize', 'checkRequestHoldMax', 'transactionCheckTimeout']) {
      expect(() => new TransactionMQProducer({ producerGroup: 'g', [name]: 0 })).toThrow(name)
    }
    expect(() => new TransactionMQProducer({ producerGroup: 'g', transactionListener: {} as never })).toThrow(
      'executeLocalTransaction, checkLocalTransaction'
    )
  })
})

describe('a shutdown with transactions under way', () => {
  it('producer-99 waits for a local transaction within drainTimeout, and tells the broker', async () => {
    const rig = await Rig.start()
    let commit!: (state: LocalTransactionState) => void
    const executeLocalTransaction = (): Promise<LocalTransactionState> => new Promise((resolve) => (commit = resolve))
    const producer = await rig.producer({ executeLocalTransaction }, { drainTimeout: 3000 })
    const sent = producer.sendMessageInTransaction(message())
    await until(() => rig.executed.length === 1)
    const down = producer.shutdown()
    await rig.clock.advance(2000)
    commit(COMMIT_MESSAGE)
    await down
    expect((await sent).localTransactionState).toBe(COMMIT_MESSAGE)
    await rig.broker.waitForMessages('T', 1)
  })

  it('producer-99 gives up one that never settles, and its late end reaches nobody', async () => {
    const rig = await Rig.start()
    let commit!: (state: LocalTransactionState) => void
    const executeLocalTransaction = (): Promise<LocalTransactionState> => new Promise((resolve) => (commit = resolve))
    const producer = await rig.producer({ executeLocalTransaction }, { drainTimeout: 3000 })
    const sent = rejection<{ code: string; maybeStored: boolean; uniqKey: string }>(producer.sendMessageInTransaction(message()))
    await until(() => rig.executed.length === 1)
    const down = producer.shutdown()
    await rig.clock.advance(3000)
    await down
    expect(await sent).toMatchObject({ code: 'SHUTDOWN', maybeStored: true, uniqKey: rig.executed[0]!.message.uniqKey })
    commit(COMMIT_MESSAGE)
    await rig.clock.advance(1000)
    expect(rig.ended).toEqual([])
    expect(rig.warnings().join('\n')).toContain('after the producer was shut down')
  })

  it('producer-99 gives up a check that never settles', async () => {
    const rig = await Rig.start()
    const producer = await rig.producer({ checkLocalTransaction: () => new Promise(() => {}) }, { drainTimeout: 1000 })
    await producer.sendMessageInTransaction(message())
    await rig.clock.advance(3 * SECOND)
    expect(rig.checked).toHaveLength(1)
    const down = producer.shutdown()
    await rig.clock.advance(1000)
    await down
    expect(rig.ended).toHaveLength(1)
  })
})

describe('checks', () => {
  /** `count` open transactions, all asked about in one round. */
  async function ask(rig: Rig, producer: TransactionMQProducer, count: number): Promise<void> {
    for (let i = 0; i < count; i++) await producer.sendMessageInTransaction(message())
    rig.ended.length = 0
    await rig.clock.advance(3 * SECOND)
  }

  it('producer-100 run one at a time, in the order of the questions', async () => {
    const rig = await Rig.start()
    const answers: Array<(state: LocalTransactionState) => void> = []
    const producer = await rig.producer({ checkLocalTransaction: () => new Promise((resolve) => answers.push(resolve)) })
    await ask(rig, producer, 3)
    for (let i = 0; i < 3; i++) {
      expect(answers).toHaveLength(i + 1)
      answers[i]!(COMMIT_MESSAGE)
      await until(() => rig.ended.length === i + 1)
      await rig.clock.advance(0)
    }
    expect(rig.broker.messageCount('T')).toBe(3)
  })

  it('producer-100 more run where more may, more wait where the line is long enough, and the rest is dropped', async () => {
    const rig = await Rig.start()
    const answers: Array<(state: LocalTransactionState) => void> = []
    const checkLocalTransaction = (): Promise<LocalTransactionState> => new Promise((resolve) => answers.push(resolve))
    const limits = { checkThreadPoolMinSize: 2, checkThreadPoolMaxSize: 3, checkRequestHoldMax: 1 }
    const producer = await rig.producer({ checkLocalTransaction }, limits)
    await ask(rig, producer, 5)
    // Two at once, one in line, a third because the line is full, and one too many.
    expect(answers).toHaveLength(3)
    expect(rig.warnings().filter((line) => line.includes('checkRequestHoldMax'))).toHaveLength(1)
    for (const answer of answers.splice(0)) answer(COMMIT_MESSAGE)
    await until(() => answers.length === 1)
    answers.pop()!(COMMIT_MESSAGE)
    await rig.clock.advance(0)
    expect(rig.broker.messageCount('T')).toBe(4)
  })

  it('producer-101 one without an answer counts as unknown after transactionCheckTimeout and makes room', async () => {
    const rig = await Rig.start()
    const answers: Array<(state: LocalTransactionState) => void> = []
    const checkLocalTransaction = (): Promise<LocalTransactionState> => new Promise((resolve) => answers.push(resolve))
    const producer = await rig.producer({ checkLocalTransaction }, { transactionCheckTimeout: 500 })
    await ask(rig, producer, 2)
    await rig.clock.advance(500)
    expect(answers).toHaveLength(2)
    expect(rig.ended.map(({ transactionState }) => transactionState)).toEqual([UNKNOW])
    answers[0]!(COMMIT_MESSAGE)
    answers[1]!(COMMIT_MESSAGE)
    await rig.clock.advance(0)
    expect(rig.broker.messageCount('T')).toBe(1)
  })

  it('producer-93 one that throws is answered as unknown, and the broker asks again', async () => {
    const rig = await Rig.start()
    const answers = [
      () => {
        throw new Error('check boom')
      },
      () => COMMIT_MESSAGE
    ]
    const producer = await rig.producer({ checkLocalTransaction: () => answers.shift()!() })
    await ask(rig, producer, 1)
    expect(rig.ended.map(({ transactionState }) => transactionState)).toEqual([UNKNOW])
    expect(rig.warnings().join('\n')).toContain('check boom')
    await rig.clock.advance(3 * SECOND)
    expect(rig.broker.messageCount('T')).toBe(1)
  })

  it('a namespace is taken off the topic that a check shows, and kept in what is stored', async () => {
    const rig = await Rig.start({ topics: { 'ns%T': { queues: 1 } } })
    const producer = await rig.producer({ checkLocalTransaction: () => COMMIT_MESSAGE }, { namespace: 'ns' })
    await producer.sendMessageInTransaction(message())
    await rig.clock.advance(3 * SECOND)
    expect(rig.checked.map(({ topic }) => topic)).toEqual(['T'])
    expect(rig.executed[0]!.message.topic).toBe('T')
    expect(rig.broker.messageCount('ns%T')).toBe(1)
  })
})
