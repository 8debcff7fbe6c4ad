import { type Deferred, deferred, isPromise } from '../../../src/internal/async.ts'
import { type FaultAction, type FaultHandle, type FaultMatch, FaultTable } from '../../../src/internal/fault-table.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../src/internal/logger.ts'
import { hostAddress } from '../../../src/protocol/host-address.ts'
import { decodeProperties, encodeProperties } from '../../../src/protocol/properties.ts'
import { DefaultMessageStore } from '../../../src/store/default-message-store.ts'
import { MemoryStorage } from '../../../src/store/memory-storage.ts'
import type { MessageStoreConfig } from '../../../src/store/message-store-config.ts'
import type { MessageStoreDeps } from '../../../src/store/stored-messages.ts'
import type { MessageExtBrokerInner, PutMessageResult } from '../../../src/store/types.ts'

export const STORE_HOST = hostAddress('127.0.0.1', 10911)
export const BORN_HOST = hostAddress('127.0.0.1', 40000)

export type MessageInit = Partial<Omit<MessageExtBrokerInner, 'body' | 'properties'>> & {
  body?: Uint8Array | string
  /** Becomes `properties` and `propertiesString`. */
  props?: Record<string, string>
}

export function message(init: MessageInit = {}): MessageExtBrokerInner {
  const { props, body = 'hello', ...rest } = init
  const propertiesString = rest.propertiesString ?? encodeProperties(new Map(Object.entries(props ?? {})))
  return {
    topic: 'T',
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_000,
    bornHost: BORN_HOST,
    storeHost: STORE_HOST,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    ...rest,
    body: typeof body === 'string' ? Buffer.from(body) : body,
    propertiesString,
    properties: decodeProperties(propertiesString)
  }
}

export interface StoreSetup {
  store: DefaultMessageStore
  clock: HeldClock
  faults: FaultTable
}

/** A started store on a held clock. */
export async function startStore(
  config: Partial<MessageStoreConfig> = {},
  deps: Partial<MessageStoreDeps> = {}
): Promise<StoreSetup> {
  const clock = new HeldClock()
  const faults = new FaultTable()
  const store = new DefaultMessageStore(config, { clock, faults, logger: silentLogger, ...deps })
  await store.start()
  return { store, clock, faults }
}

/** Adds a fault; it strikes once unless `times` says otherwise. */
export function addFault(faults: FaultTable, when: FaultMatch, action: FaultAction, times = 1): FaultHandle {
  return faults.add({ when, then: action, times })
}

/** The result of a put that has nothing to wait for. */
export function now(result: PutMessageResult | Promise<PutMessageResult>): PutMessageResult {
  if (isPromise(result)) throw new Error('the put waits')
  return result
}

/** The memory storage, with flushes that take as long as the test wants; nothing is durable before. */
export class SlowStorage extends MemoryStorage {
  #flushedWhere = 0
  /** Flushes that are in flight or were: the offset each one was asked for. */
  readonly asked: number[] = []
  #current: { offset: number; done: Deferred<void> } | undefined

  constructor(options: { maxBytes?: number; segmentSize?: number } = {}) {
    super(() => ({ maxBytes: options.maxBytes ?? 1 << 24, whenFull: 'reject', segmentSize: options.segmentSize ?? 1 << 20 }))
  }

  override get flushedWhere(): number {
    return this.#flushedWhere
  }

  override flush(offset?: number): void | Promise<void> {
    if (this.#current !== undefined) throw new Error('two flushes at a time')
    const current = { offset: offset!, done: deferred<void>() }
    this.#current = current
    this.asked.push(offset!)
    return current.done.promise.finally(() => {
      this.#current = undefined
    })
  }

  get flushing(): boolean {
    return this.#current !== undefined
  }

  /** Ends the flush in flight. */
  async complete(error?: Error): Promise<void> {
    const current = this.#current
    if (current === undefined) throw new Error('no flush in flight')
    if (error === undefined) {
      this.#flushedWhere = current.offset
      current.done.resolve()
    } else current.done.reject(error)
    await turn()
  }
}

/** Lets everything that is ready happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The outcome so far of something that may wait. */
export function watch<T>(value: T | Promise<T>): { readonly settled: boolean; readonly value: T | undefined } {
  const state: { settled: boolean; value: T | undefined } = { settled: false, value: undefined }
  void Promise.resolve(value).then((result) => {
    state.settled = true
    state.value = result
  })
  return state
}
