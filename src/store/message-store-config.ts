import { MQClientException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { parseDelayLevels } from './delay-levels.ts'

export type FlushDiskType = 'ASYNC_FLUSH' | 'SYNC_FLUSH'
export type BrokerRole = 'ASYNC_MASTER' | 'SYNC_MASTER' | 'SLAVE'

/**
 * Settings of the store, under the names of Java's `MessageStoreConfig`; `maxBytes` and `whenFull` are ours. The
 * store reads them at each use, so that a change takes effect with the next put.
 */
export interface MessageStoreConfig {
  /** When a put is answered: at once, or when its bytes are durable. @default 'ASYNC_FLUSH' */
  flushDiskType: FlushDiskType
  /** @default 'ASYNC_MASTER' */
  brokerRole: BrokerRole
  /** Largest body of a message, bytes; a record may take 64 KiB more. @default 4194304 */
  maxMessageSize: number
  /**
   * How long a put waits for its flush under `SYNC_FLUSH`, ms; then FLUSH_DISK_TIMEOUT. Java's 5000 is longer than its clients wait
   * (3000), so that they never see the status; ours is shorter. @default 2000
   */
  syncFlushTimeout: number
  /** How long a put waits for its slave under `SYNC_MASTER`, ms; then FLUSH_SLAVE_TIMEOUT. Java's is 3000. @default 2000 */
  slaveTimeout: number
  /** How often bytes are made durable under `ASYNC_FLUSH`, ms. @default 500 */
  flushIntervalCommitLog: number
  /** Delay of each level, from 1 on: a number and `s`, `m`, `h` or `d`. @default the 18 levels from 1s to 2h */
  messageDelayLevel: string
  /** Segment size of the commit log, bytes; for the memory store an upper bound. @default 1073741824 */
  mappedFileSizeCommitLog: number
  /** Whether messages can be found by key and unique key. @default true */
  messageIndexEnable: boolean
  /** Most messages that a query by key answers with. @default 64 */
  maxMsgsNumBatch: number
  /** Most entries that the key index holds in memory; then the oldest are forgotten. Entries of an index file. @default 20000000 */
  maxIndexNum: number
  /** Slots of an index file; a store has to be opened with the number it was written with. @default 5000000 */
  maxHashSlotNum: number
  /** Bytes of a consume queue file, rounded up to 20; a store has to be opened with the size it was written with. @default 6000000 */
  mappedFileSizeConsumeQueue: number
  /** How often new consume queue units go to the files, ms. @default 1000 */
  flushIntervalConsumeQueue: number
  /** A queue with so many pages of 4 KiB of new units is synced then. @default 2 */
  flushConsumeQueueLeastPages: number
  /** How often all queues and the index are synced, ms. @default 60000 */
  flushConsumeQueueThoroughInterval: number
  /** Most consume queue bytes (20 a unit) that one read looks through. @default 16000 */
  maxFilterMessageSize: number
  /** Most bytes and messages that one read answers with. @default 262144, 32 */
  maxTransferBytesOnMessageInMemory: number
  maxTransferCountOnMessageInMemory: number
  /** How long an append may hold the log until other puts get OS_PAGE_CACHE_BUSY, ms. @default 1000 */
  osPageCacheBusyTimeOutMills: number
  /** Whether a slave corrects offsets that are out of range. @default false */
  offsetCheckInSlave: boolean
  /** Whether a slave accepts puts. @default false */
  duplicationEnable: boolean
  /** Most bytes of commit log that the memory store holds; consume queues and index come on top. @default 268435456 */
  maxBytes: number
  /** What the memory store does when `maxBytes` are held: refuse puts, or drop its oldest segment. @default 'reject' */
  whenFull: 'reject' | 'dropOldest'
}

export const DEFAULT_DELAY_LEVELS = '1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h'

export const DEFAULT_MESSAGE_STORE_CONFIG: Readonly<MessageStoreConfig> = Object.freeze({
  flushDiskType: 'ASYNC_FLUSH',
  brokerRole: 'ASYNC_MASTER',
  maxMessageSize: 4 * 1024 * 1024,
  syncFlushTimeout: 2000,
  slaveTimeout: 2000,
  flushIntervalCommitLog: 500,
  messageDelayLevel: DEFAULT_DELAY_LEVELS,
  mappedFileSizeCommitLog: 1024 * 1024 * 1024,
  messageIndexEnable: true,
  maxMsgsNumBatch: 64,
  maxIndexNum: 20_000_000,
  maxHashSlotNum: 5_000_000,
  mappedFileSizeConsumeQueue: 6_000_000,
  flushIntervalConsumeQueue: 1000,
  flushConsumeQueueLeastPages: 2,
  flushConsumeQueueThoroughInterval: 60_000,
  maxFilterMessageSize: 16_000,
  maxTransferBytesOnMessageInMemory: 256 * 1024,
  maxTransferCountOnMessageInMemory: 32,
  osPageCacheBusyTimeOutMills: 1000,
  offsetCheckInSlave: false,
  duplicationEnable: false,
  maxBytes: 256 * 1024 * 1024,
  whenFull: 'reject'
})

/** Settings that are neither counts nor bytes, and what they may be. */
const CHOICES: { readonly [K in keyof MessageStoreConfig]?: readonly unknown[] } = {
  flushDiskType: ['ASYNC_FLUSH', 'SYNC_FLUSH'],
  brokerRole: ['ASYNC_MASTER', 'SYNC_MASTER', 'SLAVE'],
  whenFull: ['reject', 'dropOldest'],
  messageIndexEnable: [true, false],
  offsetCheckInSlave: [true, false],
  duplicationEnable: [true, false]
}

/**
 * The defaults with `config` over them; a field that is undefined counts as absent.
 * @throws MQClientException (`BAD_OPTION`) naming the setting, the value and what is allowed.
 */
export function createMessageStoreConfig(config: Partial<MessageStoreConfig> = {}): MessageStoreConfig {
  const result: MessageStoreConfig = { ...DEFAULT_MESSAGE_STORE_CONFIG }
  for (const [name, value] of Object.entries(config)) {
    if (value === undefined) continue
    if (!Object.hasOwn(DEFAULT_MESSAGE_STORE_CONFIG, name)) throw badOption(name, value, 'a setting of the store')
    const choices = CHOICES[name as keyof MessageStoreConfig]
    if (choices !== undefined) {
      if (!choices.includes(value)) throw badOption(name, value, choices.join(' or '))
    } else if (name === 'messageDelayLevel') parseDelayLevels(String(value))
    else if (!Number.isSafeInteger(value) || (value as number) < 0) throw badOption(name, value, 'a whole number from 0 on')
    Object.assign(result, { [name]: value })
  }
  return result
}

function badOption(name: string, value: unknown, allowed: string): MQClientException {
  return new MQClientException(`${logText(name)}: ${logText(value)} is not ${allowed}`, { code: 'BAD_OPTION' })
}
