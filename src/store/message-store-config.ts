import { parseAddress } from '../internal/address.ts'
import { MQClientException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { parseDelayLevels } from './delay-levels.ts'

/** Whether an answer waits until the message is on the disk. */
export type FlushDiskType = 'ASYNC_FLUSH' | 'SYNC_FLUSH'
/** Whether a master's answer waits for a slave. */
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
  /** Whether messages may be sent for a point in time (`TIMER_*` properties). @default true */
  timerWheelEnable: boolean
  /** To how many ms the time of such a message is rounded: 100, 200, 500 or 1000. @default 1000 */
  timerPrecisionMs: number
  /** How far ahead of now such a message may be for, s. @default 259200 */
  timerMaxDelaySec: number
  /** After how many steps of `timerPrecisionMs` a message that still waits is stored anew, so that the log may forget its first record. @default 172800 */
  timerRollWindowSlot: number
  /** From how many messages for one step on further ones are refused at random; all of them from twice as many. @default 2147483647 */
  timerCongestNumEachSlot: number
  /** Segment size of the commit log, bytes; the same for a master and its slaves. @default 1073741824 */
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
  /** How often positions in the delay queues are written to a file, ms. @default 10000 */
  flushDelayOffsetInterval: number
  /** Hours after its last change at which a file of the commit log may be deleted. @default 72 */
  fileReservedTime: number
  /** Hours of the day, local time, at which old files are deleted; several separated by `;`. @default '04' */
  deleteWhen: string
  /** Percent of the disk: above it old files are deleted at any hour. @default 75 */
  diskMaxUsedSpaceRatio: number
  /** Percent of the disk: above it files of any age are deleted. @default 85 */
  diskSpaceCleanForciblyRatio: number
  /** Percent of the disk: above it puts are refused; 100 never. @default 90 */
  diskSpaceWarningLevelRatio: number
  /** Whether files younger than `fileReservedTime` may be deleted on a full disk. @default true */
  cleanFileForciblyEnable: boolean
  /** How often it is looked for old files, ms. @default 10000 */
  cleanResourceInterval: number
  /** Pause between two files that are deleted, ms. @default 100 */
  deleteCommitLogFilesInterval: number
  /** Pause after ten queue or index files that are deleted, ms. @default 100 */
  deleteConsumeQueueFilesInterval: number
  /** Most files of the commit log deleted in one round. @default 10 */
  deleteFileBatchMax: number
  /** Most consume queue bytes (20 a unit) that one read looks through. @default 16000 */
  maxFilterMessageSize: number
  /** Most bytes that one read answers with. @default 262144 */
  maxTransferBytesOnMessageInMemory: number
  /** Most messages that one read answers with. @default 32 */
  maxTransferCountOnMessageInMemory: number
  /** How long an append may hold the log until other puts get OS_PAGE_CACHE_BUSY, ms. @default 1000 */
  osPageCacheBusyTimeOutMills: number
  /** Whether a slave corrects offsets that are out of range. @default false */
  offsetCheckInSlave: boolean
  /** Whether a slave accepts puts. @default false */
  duplicationEnable: boolean
  /**
   * Port that slaves connect to; 0 takes any free one, -1 the broker's port + 1 (any free one where that is taken, or the broker's own
   * port was any free one). @default -1
   */
  haListenPort: number
  /** A slave's master, `host:haListenPort`; empty: as the name server says. @default '' */
  haMasterAddress: string
  /** How often master and slave give a sign of life while there is nothing to send, ms. @default 5000 */
  haSendHeartbeatInterval: number
  /** A replication connection that is silent for so long is closed, ms. @default 20000 */
  haHousekeepingInterval: number
  /** Most bytes of commit log that a master sends in one piece. @default 32768 */
  haTransferBatchSize: number
  /** How many bytes a slave may be behind until a `SYNC_MASTER` counts it as not available. @default 268435456 */
  haSlaveFallbehindMax: number
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
  timerWheelEnable: true,
  timerPrecisionMs: 1000,
  timerMaxDelaySec: 3 * 24 * 3600,
  timerRollWindowSlot: 2 * 24 * 3600,
  timerCongestNumEachSlot: 0x7fffffff,
  mappedFileSizeCommitLog: 1024 * 1024 * 1024,
  messageIndexEnable: true,
  maxMsgsNumBatch: 64,
  maxIndexNum: 20_000_000,
  maxHashSlotNum: 5_000_000,
  mappedFileSizeConsumeQueue: 6_000_000,
  flushIntervalConsumeQueue: 1000,
  flushConsumeQueueLeastPages: 2,
  flushConsumeQueueThoroughInterval: 60_000,
  flushDelayOffsetInterval: 10_000,
  fileReservedTime: 72,
  deleteWhen: '04',
  diskMaxUsedSpaceRatio: 75,
  diskSpaceCleanForciblyRatio: 85,
  diskSpaceWarningLevelRatio: 90,
  cleanFileForciblyEnable: true,
  cleanResourceInterval: 10_000,
  deleteCommitLogFilesInterval: 100,
  deleteConsumeQueueFilesInterval: 100,
  deleteFileBatchMax: 10,
  maxFilterMessageSize: 16_000,
  maxTransferBytesOnMessageInMemory: 256 * 1024,
  maxTransferCountOnMessageInMemory: 32,
  osPageCacheBusyTimeOutMills: 1000,
  offsetCheckInSlave: false,
  duplicationEnable: false,
  haListenPort: -1,
  haMasterAddress: '',
  haSendHeartbeatInterval: 5000,
  haHousekeepingInterval: 20_000,
  haTransferBatchSize: 32 * 1024,
  haSlaveFallbehindMax: 256 * 1024 * 1024,
  maxBytes: 256 * 1024 * 1024,
  whenFull: 'reject'
})

/** Settings that are neither counts nor bytes, and what they may be. */
const CHOICES: { readonly [K in keyof MessageStoreConfig]?: readonly unknown[] } = {
  flushDiskType: ['ASYNC_FLUSH', 'SYNC_FLUSH'],
  brokerRole: ['ASYNC_MASTER', 'SYNC_MASTER', 'SLAVE'],
  whenFull: ['reject', 'dropOldest'],
  messageIndexEnable: [true, false],
  timerWheelEnable: [true, false],
  cleanFileForciblyEnable: [true, false],
  timerPrecisionMs: [100, 200, 500, 1000],
  offsetCheckInSlave: [true, false],
  duplicationEnable: [true, false]
}

/** Hours of a day, separated by semicolons. */
const HOURS = /^([01]?\d|2[0-3])(;([01]?\d|2[0-3]))*$/

/** Whole numbers that have other bounds than 0 and 2^53-1. A slave of RocketMQ's own cannot take more than 4 MiB in one piece. */
const BOUNDS: { readonly [K in keyof MessageStoreConfig]?: readonly [low: number, high: number] } = {
  maxHashSlotNum: [1, 0x1fff_ffff],
  maxIndexNum: [2, 0x7fff_ffff],
  // A record has to fit; what is left of a file has to fit into a blank's 32 bits.
  mappedFileSizeCommitLog: [512, 0x7fff_ffff],
  mappedFileSizeConsumeQueue: [1, Number.MAX_SAFE_INTEGER],
  flushIntervalConsumeQueue: [1, Number.MAX_SAFE_INTEGER],
  flushDelayOffsetInterval: [1, Number.MAX_SAFE_INTEGER],
  diskMaxUsedSpaceRatio: [1, 100],
  diskSpaceCleanForciblyRatio: [1, 100],
  diskSpaceWarningLevelRatio: [1, 100],
  cleanResourceInterval: [1, Number.MAX_SAFE_INTEGER],
  deleteFileBatchMax: [1, Number.MAX_SAFE_INTEGER],
  haListenPort: [-1, 65_535],
  haSendHeartbeatInterval: [1, Number.MAX_SAFE_INTEGER],
  haHousekeepingInterval: [1, Number.MAX_SAFE_INTEGER],
  haTransferBatchSize: [1, 4 * 1024 * 1024 - 12]
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
    else if (name === 'deleteWhen') {
      if (!HOURS.test(String(value))) throw badOption(name, value, 'a list of hours from 0 to 23 such as 04 or 04;16')
    } else if (name === 'haMasterAddress') {
      if (value !== '') parseAddress(String(value))
    } else {
      const [low, high] = BOUNDS[name as keyof MessageStoreConfig] ?? [0, Number.MAX_SAFE_INTEGER]
      if (!Number.isSafeInteger(value) || (value as number) < low || (value as number) > high) {
        const upTo = high === Number.MAX_SAFE_INTEGER ? 'on' : `to ${high}`
        throw badOption(name, value, `a whole number from ${low} ${upTo}`)
      }
    }
    Object.assign(result, { [name]: value })
  }
  return result
}

function badOption(name: string, value: unknown, allowed: string): MQClientException {
  return new MQClientException(`${logText(name)}: ${logText(value)} is not ${allowed}`, { code: 'BAD_OPTION' })
}
