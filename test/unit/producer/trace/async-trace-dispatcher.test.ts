import { describe, expect, it } from 'vitest'
import { deferred } from '../../../../src/internal/async.ts'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { AsyncTraceDispatcher, type TraceSettings } from '../../../../src/producer/trace/async-trace-dispatcher.ts'
import type { PubTrace } from '../../../../src/producer/trace/trace-context.ts'
import { decodeTraceData } from '../../../../src/producer/trace/trace-data-encoder.ts'
import { Message } from '../../../../src/protocol/message.ts'

const record: PubTrace = {
  traceType: 'Pub',
  timeStamp: 1,
  regionId: 'eu',
  groupName: 'g',
  topic: 'T',
  msgId: 'ID',
  tags: undefined,
  keys: undefined,
  storeHost: '127.0.0.1:10911',
  bodyLength: 1,
  costTime: 1,
  msgType: 'Normal_Msg',
  offsetMsgId: 'OFFSET',
  success: true
}

const nth = (i: number, more: Partial<PubTrace> = {}): PubTrace => ({ ...record, msgId: `ID${i}`, ...more })

/** A dispatcher whose messages are kept, and sent as `send` says. */
function rig(settings: Partial<TraceSettings> = {}, send: () => Promise<unknown> = async () => {}) {
  const clock = new HeldClock()
  const messages: Message[] = []
  const warnings: string[] = []
  const totals: number[] = []
  const logger = { debug() {}, info() {}, warn: (text: string) => void warnings.push(text), error() {} }
  const defaults: TraceSettings = {
    groupName: 'g',
    namespace: undefined,
    traceTopic: 'TRACE',
    accessChannel: 'LOCAL',
    traceMsgBatchNum: 10
  }
  const dispatcher = new AsyncTraceDispatcher(
    { ...defaults, ...settings },
    {
      clock,
      logger,
      send(message) {
        messages.push(message)
        return send()
      },
      onDiscard: (total) => void totals.push(total)
    }
  )
  return { dispatcher, clock, messages, warnings, totals, ids: () => messages.map(idsOf) }
}

const idsOf = (message: Message): string[] => decodeTraceData(message.body).map((context) => context.msgId ?? '')

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the trace dispatcher', () => {
  it('sends records together once there are enough, others of the same turn with them, and keys for each', async () => {
    const { dispatcher, messages, ids } = rig({ traceMsgBatchNum: 3 })
    for (let i = 0; i < 5; i++) dispatcher.append(nth(i, { keys: `k${i}` }))
    expect(messages).toEqual([])
    await turn()
    expect(ids()).toEqual([['ID0', 'ID1', 'ID2', 'ID3', 'ID4']])
    expect(messages[0]).toMatchObject({ topic: 'TRACE', keys: 'ID0 k0 ID1 k1 ID2 k2 ID3 k3 ID4 k4' })
  })

  it('sends fewer after five seconds, and keeps no timer then', async () => {
    const { dispatcher, clock, ids } = rig()
    dispatcher.append(nth(0))
    await clock.advance(4999)
    dispatcher.append(nth(1))
    expect(ids()).toEqual([])
    await clock.advance(1)
    expect(ids()).toEqual([['ID0', 'ID1']])
    expect(clock.timers).toBe(0)
  })

  it('keeps topics apart, and with CLOUD the regions too', async () => {
    const local = rig({ traceMsgBatchNum: 2 })
    for (const topic of ['A', 'B', 'A']) local.dispatcher.append(nth(0, { topic, msgId: topic }))
    await turn()
    expect(local.ids()).toEqual([['A', 'A'], ['B']])
    const cloud = rig({ traceMsgBatchNum: 2, accessChannel: 'CLOUD' })
    for (const regionId of ['eu', 'us']) cloud.dispatcher.append(nth(0, { regionId }))
    await turn()
    expect(cloud.messages.map(({ topic }) => topic)).toEqual(['rmq_sys_TRACE_DATA_eu', 'rmq_sys_TRACE_DATA_us'])
  })

  it('keeps bodies below 128,000 bytes and keys below 16 KiB; a larger record goes alone, under its first keys', async () => {
    const { dispatcher, messages } = rig({ traceMsgBatchNum: 1 })
    const many = Array.from({ length: 5000 }, (_, i) => `ID${String(i).padStart(30, '0')}`)
    dispatcher.append(nth(0))
    dispatcher.append(nth(1, { msgId: many.join(',') }))
    for (let i = 2; i < 42; i++) dispatcher.append(nth(i, { tags: 'x'.repeat(10_000) }))
    await turn()
    expect(messages.map((message) => idsOf(message).length)).toEqual([1, 1, 12, 12, 12, 4])
    for (const { body, keys = '' } of messages.filter((_, i) => i !== 1)) {
      expect(body.length).toBeLessThanOrEqual(128_000)
      expect(keys.length).toBeLessThanOrEqual(16_384)
    }
    expect(messages[1]?.keys?.split(' ')).toEqual(many.slice(0, 496))
  })

  it('has four messages on their way at most, keeps 2,048 records meanwhile, and drops and counts the rest', async () => {
    const answers = Array.from({ length: 100 }, () => deferred<void>())
    let sent = 0
    const { dispatcher, messages, warnings, totals } = rig(
      { traceMsgBatchNum: 1 },
      () => answers[sent++]?.promise as Promise<void>
    )
    for (let i = 0; i < 4; i++) {
      dispatcher.append(nth(i))
      await turn()
    }
    for (let i = 0; i < 2048; i++) expect(dispatcher.append(nth(i))).toBe(true)
    expect(dispatcher.append(nth(0))).toBe(false)
    expect(dispatcher.append(nth(0))).toBe(false)
    await turn()
    expect([messages.length, dispatcher.discarded, totals, warnings.length]).toEqual([4, 2, [1, 2], 1])
    for (const answer of answers) answer.resolve()
    await turn()
    expect(messages.flatMap(idsOf)).toHaveLength(4 + 2048)
  })

  it('drops what cannot be sent, says so once in 30 s, and goes on', async () => {
    const { dispatcher, clock, messages, warnings } = rig({ traceMsgBatchNum: 1 }, () => Promise.reject(new Error('no route')))
    for (let i = 0; i < 3; i++) {
      dispatcher.append(nth(i))
      await turn()
    }
    expect([messages.length, dispatcher.discarded]).toEqual([3, 3])
    expect(warnings).toEqual(['1 trace records were dropped so far: no route'])
    await clock.advance(30_000)
    dispatcher.append(nth(3))
    await turn()
    expect(warnings[1]).toBe('4 trace records were dropped so far: no route')
  })

  it('drops a record that fits into no message', async () => {
    const { dispatcher, warnings } = rig({ traceMsgBatchNum: 1 })
    dispatcher.append(nth(0, { keys: 'a\u0001b' }))
    await turn()
    expect(warnings[0]).toContain('separator character')
  })

  it('closes when all is sent', async () => {
    const answer = deferred<void>()
    const { dispatcher, clock, ids } = rig({}, () => answer.promise)
    dispatcher.append(nth(0))
    let closed = false
    const closing = dispatcher.close(1000).then(() => {
      closed = true
    })
    await clock.advance(999)
    expect([ids(), closed]).toEqual([[['ID0']], false])
    answer.resolve()
    await closing
    expect([dispatcher.append(nth(1)), clock.timers]).toEqual([false, 0])
  })

  it('closes at the latest when its time is over', async () => {
    const { dispatcher, clock } = rig({ traceMsgBatchNum: 1 }, () => new Promise(() => {}))
    for (let i = 0; i < 5; i++) {
      dispatcher.append(nth(i))
      await turn()
    }
    const closing = dispatcher.close(1000)
    await clock.advance(1000)
    await closing
    // Four are on their way for good; the fifth never left.
    expect(dispatcher.discarded).toBe(1)
  })

  it('traces ends of transactions and recalls, without namespace', async () => {
    const { dispatcher, clock, messages } = rig({ namespace: 'ns', traceMsgBatchNum: 2 })
    const message = new Message({ topic: 'ns%T', body: 'x', tags: 'tag', keys: 'k' })
    dispatcher.endTransaction({
      brokerAddr: '127.0.0.1:1',
      message,
      msgId: 'ID',
      transactionId: 'TX',
      transactionState: 'COMMIT_MESSAGE',
      fromTransactionCheck: true
    })
    dispatcher.recalled('ns%T', 'ID2', true)
    await turn()
    const common = { timeStamp: clock.now(), regionId: 'DefaultRegion', groupName: 'g', topic: 'T' }
    expect(decodeTraceData(messages[0]?.body ?? '')).toEqual([
      {
        traceType: 'EndTransaction',
        ...common,
        msgId: 'ID',
        tags: 'tag',
        keys: 'k',
        storeHost: '127.0.0.1:1',
        msgType: 'Trans_msg_Commit',
        transactionId: 'TX',
        transactionState: 'COMMIT_MESSAGE',
        fromTransactionCheck: true
      },
      { traceType: 'Recall', ...common, msgId: 'ID2', success: true }
    ])
  })
})
