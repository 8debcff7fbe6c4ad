import type { HostAddress } from '../protocol/host-address.ts'
import type { Properties } from '../protocol/properties.ts'

/** Java's `PutMessageStatus`. */
export type PutMessageStatus =
  | 'PUT_OK'
  | 'FLUSH_DISK_TIMEOUT'
  | 'FLUSH_SLAVE_TIMEOUT'
  | 'SLAVE_NOT_AVAILABLE'
  | 'SERVICE_NOT_AVAILABLE'
  | 'CREATE_MAPPED_FILE_FAILED'
  | 'MESSAGE_ILLEGAL'
  | 'PROPERTIES_SIZE_EXCEEDED'
  | 'OS_PAGE_CACHE_BUSY'
  | 'IN_SYNC_REPLICAS_NOT_ENOUGH'
  | 'UNKNOWN_ERROR'

/** A message on its way into the store; Java's `MessageExtBrokerInner`. The store copies what it keeps. */
export interface MessageExtBrokerInner {
  topic: string
  queueId: number
  flag: number
  sysFlag: number
  body: Uint8Array
  /** The properties as stored, `name U+0001 value U+0002`...; what the record holds, byte for byte. */
  propertiesString: string
  /** The same, decoded; dispatch reads TAGS, KEYS, UNIQ_KEY, DELAY, WAIT from it. */
  properties: Properties
  bornTimestamp: number
  bornHost: HostAddress
  storeHost: HostAddress
  reconsumeTimes: number
  preparedTransactionOffset: number
  /**
   * Set for a batch (code 320): `body` is then the batch encoding, each inner message becomes a record of its own, and
   * `propertiesString` is appended to each one's properties.
   */
  isBatch?: boolean
}

/** Where the records landed. */
export interface AppendResult {
  /** Physical offset of the first record. */
  wroteOffset: number
  /** Bytes of all records. */
  wroteBytes: number
  /** Offset message id; for a batch the ids, comma-joined. */
  msgId: string
  storeTimestamp: number
  /** Queue offset of the first record. */
  logicsOffset: number
  msgNum: number
}

export interface PutMessageResult {
  status: PutMessageStatus
  /** Present when the records are in the log, whatever the flush or the replication said. */
  appendResult?: AppendResult
  /** What was wrong, what is allowed; becomes part of the answer's remark where the status has no fixed text. */
  remark?: string
}

/** One entry of a consume queue. */
export interface ConsumeQueueUnit {
  physicalOffset: number
  size: number
  tagsCode: number
}

/** What dispatch tells its listeners about each record that became visible. */
export interface DispatchRequest {
  topic: string
  queueId: number
  physicalOffset: number
  size: number
  tagsCode: number
  storeTimestamp: number
  queueOffset: number
  keys: string | undefined
  uniqKey: string | undefined
  sysFlag: number
  preparedTransactionOffset: number
}

export type GetMessageStatus =
  | 'FOUND'
  | 'NO_MATCHED_MESSAGE'
  | 'MESSAGE_WAS_REMOVING'
  | 'OFFSET_FOUND_NULL'
  | 'OFFSET_OVERFLOW_BADLY'
  | 'OFFSET_OVERFLOW_ONE'
  | 'OFFSET_TOO_SMALL'
  | 'NO_MATCHED_LOGIC_QUEUE'
  | 'NO_MESSAGE_IN_QUEUE'

export interface GetMessageResult {
  status: GetMessageStatus
  nextBeginOffset: number
  minOffset: number
  maxOffset: number
  /** Stored records, in queue order; views that stay valid. */
  messages: Buffer[]
}

/** Decides from the tags code alone whether a unit may be delivered. */
export type TagsFilter = (tagsCode: number) => boolean

/** Replication as the store sees it; the HA service of the broker implements it. */
export interface ReplicaService {
  /** Called after the append; settles with PUT_OK, SLAVE_NOT_AVAILABLE or FLUSH_SLAVE_TIMEOUT. */
  submitReplicaRequest(nextOffset: number, waitStoreMsgOK: boolean): PutMessageStatus | Promise<PutMessageStatus>
}

/**
 * Bytes of the commit log. The memory implementation keeps segments in buffers; the file implementation keeps files. The commit log
 * above it owns offsets, record layout and segment roll.
 */
export interface CommitLogStorage {
  /** First physical offset still held, and the next one to be written. */
  readonly minOffset: number
  readonly maxOffset: number
  /** Everything below is as durable as this storage can make it. */
  readonly flushedWhere: number
  /**
   * Room for `size` bytes at the current end: the buffer and the position in it to write to. Undefined when the storage is full
   * (`fullReason` says why) or failed.
   */
  reserve(size: number): { buffer: Buffer; position: number } | undefined
  /** Makes the reserved bytes part of the log. */
  commit(size: number): void
  /** Why `reserve` refuses: names the limit and the option that raises it. */
  readonly fullReason: string | undefined
  /** Makes everything up to `offset` durable; rejects when that failed. Memory: at once. */
  flush(offset: number): void | Promise<void>
  /** A view of `size` bytes at a physical offset, or undefined when they are not (or no longer) held. */
  read(physicalOffset: number, size: number): Buffer | undefined
  close(): void | Promise<void>
}
