import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPromise } from '../../src/internal/async.ts'
import { encodeBatch } from '../../src/protocol/batch-codec.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import type { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import type { MessageStoreConfig } from '../../src/store/message-store-config.ts'
import type { PutMessageResult } from '../../src/store/types.ts'
import { message, SlowStorage, startStore, turn } from '../unit/store/store-fixture.ts'

const TOPICS = ['A', 'B']
const QUEUES = 2

/** A record that a put left in the log, as the model sees it. */
interface ModelRecord {
  body: string
  /** Physical offset behind it. */
  end: number
}

interface PendingPut {
  end: number
  result: PutMessageResult | undefined
}

/** What the store should hold: a list for each queue, and how far the log is durable. */
interface Model {
  queues: Map<string, ModelRecord[]>
  /** Behind the last durable byte; Infinity where everything is durable at once. */
  durable: number
  failed: boolean
  sequence: number
}

interface Real {
  store: DefaultMessageStore
  storage: SlowStorage | undefined
  pending: PendingPut[]
}

const keyOf = (topic: string, queueId: number): string => `${topic}/${queueId}`

function visible(model: Model, topic: string, queueId: number): ModelRecord[] {
  return (model.queues.get(keyOf(topic, queueId)) ?? []).filter((record) => record.end <= model.durable)
}

type Command = fc.AsyncCommand<Model, Real>

abstract class StoreCommand implements Command {
  check(_model: Readonly<Model>): boolean {
    return true
  }

  abstract run(model: Model, real: Real): Promise<void>
}

class PutCommand extends StoreCommand {
  readonly topic: string
  readonly queueId: number
  /** Lengths of the bodies: one for a single message, several for a batch. */
  readonly lengths: number[]
  readonly batch: boolean
  readonly wait: boolean

  constructor(topic: string, queueId: number, lengths: number[], batch: boolean, wait: boolean) {
    super()
    this.topic = topic
    this.queueId = queueId
    this.lengths = batch ? lengths : lengths.slice(0, 1)
    this.batch = batch
    this.wait = wait
  }

  override async run(model: Model, real: Real): Promise<void> {
    const { topic, queueId } = this
    const bodies = this.lengths.map((length) => `${model.sequence++}:`.padEnd(length, 'x'))
    const props = { WAIT: String(this.wait), KEYS: 'every' }
    const init = this.batch
      ? { isBatch: true, body: encodeBatch(bodies.map((body) => ({ body: Buffer.from(body), flag: 0, properties: new Map() }))) }
      : { body: bodies[0]! }
    const before = real.store.getMaxPhyOffset()
    const result = real.store.asyncPutMessage(message({ topic, queueId, props, ...init }))
    const queue = model.queues.get(keyOf(topic, queueId)) ?? []
    if (model.failed) {
      expect(result).toMatchObject({ status: 'SERVICE_NOT_AVAILABLE' })
      expect(real.store.getMaxPhyOffset()).toBe(before)
      return
    }
    // Everything about the append is known when the call returns.
    const end = real.store.getMaxPhyOffset()
    const appended = isPromise(result) ? undefined : result.appendResult
    if (appended !== undefined) {
      expect(appended.logicsOffset).toBe(queue.length)
      expect(appended.msgNum).toBe(bodies.length)
      expect(appended.wroteOffset + appended.wroteBytes).toBe(end)
    }
    expect(real.store.getMaxOffsetInQueue(topic, queueId, false)).toBe(queue.length + bodies.length)
    let recordEnd = end
    const records = bodies.map((body) => ({ body, end: 0 }))
    for (let i = records.length - 1; i >= 0; i--) {
      records[i]!.end = recordEnd
      recordEnd -= 91 + topic.length + bodies[i]!.length + Buffer.byteLength('WAIT.false.KEYS.every.') - (this.wait ? 1 : 0)
    }
    model.queues.set(keyOf(topic, queueId), [...queue, ...records])
    const put: PendingPut = { end, result: undefined }
    if (isPromise(result)) {
      expect(this.wait && real.storage !== undefined).toBe(true)
      void result.then((value) => {
        put.result = value
      })
    } else put.result = result
    real.pending.push(put)
    if (!isPromise(result)) expect(result.status).toBe('PUT_OK')
  }

  override toString(): string {
    return `put(${this.topic}/${this.queueId} ${this.lengths} batch=${this.batch} wait=${this.wait})`
  }
}

class IllegalCommand extends StoreCommand {
  readonly kind: number

  constructor(kind: number) {
    super()
    this.kind = kind
  }

  override async run(model: Model, real: Real): Promise<void> {
    const before = real.store.getMaxPhyOffset()
    const init = [
      { topic: 'A', propertiesString: 'K\u0001'.padEnd(32_768, 'v') },
      { topic: 'A', body: Buffer.alloc(real.store.config.maxMessageSize + 1) },
      { topic: 'A', isBatch: true, body: Buffer.from('no batch at all, not even nearly') }
    ][this.kind % 3]!
    const result = await real.store.asyncPutMessage(message(init))
    const expected = model.failed ? /SERVICE_NOT_AVAILABLE/ : /MESSAGE_ILLEGAL|PROPERTIES_SIZE_EXCEEDED/
    expect(result.status).toMatch(expected)
    expect(real.store.getMaxPhyOffset()).toBe(before)
  }

  override toString(): string {
    return `illegal(${this.kind % 3})`
  }
}

class ReadCommand extends StoreCommand {
  readonly topic: string
  readonly queueId: number
  readonly from: number
  readonly count: number

  constructor(topic: string, queueId: number, from: number, count: number) {
    super()
    this.topic = topic
    this.queueId = queueId
    this.from = from
    this.count = count
  }

  override async run(model: Model, { store }: Real): Promise<void> {
    const { topic, queueId, from, count } = this
    const records = visible(model, topic, queueId)
    const result = store.getMessage('g', topic, queueId, from, count)!
    const min = result.minOffset
    expect(result.maxOffset).toBe(records.length)
    if (records.length === 0) expect(result.status).toBe('NO_MESSAGE_IN_QUEUE')
    else if (from < min) expect(result.status).toBe('OFFSET_TOO_SMALL')
    else if (from === records.length) expect(result.status).toBe('OFFSET_OVERFLOW_ONE')
    else if (from > records.length) expect(result.status).toBe('OFFSET_OVERFLOW_BADLY')
    else {
      const decoded = result.messages.map((record) => decodeMessage(record, 0, { checkCRC: true }))
      expect(decoded.map((record) => record.body.toString())).toEqual(
        records.slice(from, from + count).map((record) => record.body)
      )
      expect(decoded.map((record) => record.queueOffset)).toEqual(decoded.map((_, i) => from + i))
      expect(result.nextBeginOffset).toBe(from + decoded.length)
      for (const record of decoded) expect(store.lookMessageByOffset(record.commitLogOffset)).toBeDefined()
    }
    // What is at or behind the minimum is held, what is before is not.
    if (min > 0) expect(store.getCommitLogOffsetInQueue(topic, queueId, min - 1)).toBeUndefined()
    if (min < records.length)
      expect(store.getCommitLogOffsetInQueue(topic, queueId, min)).toBeGreaterThanOrEqual(store.getMinPhyOffset())
  }

  override toString(): string {
    return `read(${this.topic}/${this.queueId} ${this.from}+${this.count})`
  }
}

class FlushCommand extends StoreCommand {
  readonly fails: boolean

  constructor(fails: boolean) {
    super()
    this.fails = fails
  }

  override async run(model: Model, real: Real): Promise<void> {
    const { storage, pending, store } = real
    if (storage?.flushing !== true) return
    await storage.complete(this.fails ? new Error('EIO') : undefined)
    await turn()
    if (this.fails) model.failed = true
    else model.durable = storage.flushedWhere
    for (const put of pending) {
      if (put.end <= model.durable) expect(put.result?.status).toBe('PUT_OK')
      else if (model.failed) expect(put.result?.status).toMatch(/UNKNOWN_ERROR|PUT_OK/)
    }
    // Acknowledged after a wait means durable.
    expect(store.isWriteable).toBe(!model.failed)
    real.pending = pending.filter((put) => put.result === undefined)
    if (model.failed) expect(real.pending).toEqual([])
  }

  override toString(): string {
    return this.fails ? 'flushFails' : 'flushed'
  }
}

const topic = fc.constantFrom(...TOPICS)
const queueId = fc.nat({ max: QUEUES - 1 })
const put = fc
  .tuple(topic, queueId, fc.array(fc.integer({ min: 8, max: 900 }), { minLength: 1, maxLength: 4 }), fc.boolean(), fc.boolean())
  .map((args) => new PutCommand(...args))
const illegal = fc.nat({ max: 2 }).map((kind) => new IllegalCommand(kind))
const read = fc
  .tuple(topic, queueId, fc.nat({ max: 40 }), fc.integer({ min: 1, max: 20 }))
  .map((args) => new ReadCommand(...args))

async function runModel(
  commands: Iterable<Command>,
  config: Partial<MessageStoreConfig>,
  storage: SlowStorage | undefined
): Promise<void> {
  const { store } = await startStore({ maxMessageSize: 8192, ...config }, storage === undefined ? {} : { storage })
  const model: Model = {
    queues: new Map(),
    durable: storage === undefined ? Number.POSITIVE_INFINITY : 0,
    failed: false,
    sequence: 0
  }
  const real: Real = { store, storage, pending: [] }
  await fc.asyncModelRun(() => ({ model, real }), commands)
  // At the end every queue is read as a whole.
  for (const name of TOPICS) {
    for (let id = 0; id < QUEUES; id++) {
      const min = Math.max(store.getMinOffsetInQueue(name, id), 0)
      for (let from = min; from < visible(model, name, id).length; from += 20)
        await new ReadCommand(name, id, from, 20).run(model, real)
    }
  }
}

describe('the store against a model', () => {
  it('durable at once, segments of 8 KiB: every queue holds what was put, in order, and nothing else', () =>
    fc.assert(
      fc.asyncProperty(fc.commands([put, put, illegal, read], { size: '+1', maxCommands: 120 }), (commands) =>
        runModel(commands, { mappedFileSizeCommitLog: 8192 }, undefined)
      ),
      { numRuns: 25 }
    ))

  it('dropOldest: the same from the minimum on', () =>
    fc.assert(
      fc.asyncProperty(fc.commands([put, put, put, read], { size: '+1', maxCommands: 150 }), (commands) =>
        runModel(commands, { mappedFileSizeCommitLog: 8192, maxBytes: 32_768, whenFull: 'dropOldest' }, undefined)
      ),
      { numRuns: 25 }
    ))

  it('SYNC_FLUSH with slow and failing flushes: acknowledged and visible exactly when durable', () =>
    fc.assert(
      fc.asyncProperty(
        fc.commands(
          [
            put,
            read,
            illegal,
            fc.constantFrom(false, false, false, false, false, false, true).map((fails) => new FlushCommand(fails))
          ],
          { size: '+1', maxCommands: 60 }
        ),
        (commands) => runModel(commands, { flushDiskType: 'SYNC_FLUSH' }, new SlowStorage({ segmentSize: 8192 }))
      ),
      { numRuns: 25 }
    ))
})
