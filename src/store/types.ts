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
  | 'WHEEL_TIMER_MSG_ILLEGAL'
  | 'WHEEL_TIMER_FLOW_CONTROL'
  | 'WHEEL_TIMER_NOT_ENABLE'
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
  /** Separated by spaces. */
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
  | 'OFFSET_RESET'

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

/** Decides from the record itself, after the tags code. */
export type RecordFilter = (record: Buffer) => boolean

/** Replication as the store sees it; the HA service of the broker implements it. */
export interface ReplicaService {
  /** Whether there is another broker to tell; a plain put asks no more than this. */
  readonly active: boolean
  /** Something moved: bytes were appended, handed on, or became durable. */
  wakeUp(): void
  /**
   * Called after an append whose put waits for a slave; settles with PUT_OK, SLAVE_NOT_AVAILABLE or FLUSH_SLAVE_TIMEOUT.
   * @param nextOffset behind the record
   */
  submitReplicaRequest(nextOffset: number): PutMessageStatus | Promise<PutMessageStatus>
}

/** Which neighbour a search by time answers with; Java's `BoundaryType`. */
export type TimeBoundary = 'LOWER' | 'UPPER'

/**
 * Bytes of the commit log: segments one behind another, addressed by physical offset without holes. The memory implementation keeps
 * them in buffers, a file implementation in files. The commit log above it owns record layout, queue offsets and what a put waits for.
 *
 * A record never crosses a segment's end: when it does not fit with {@link END_OF_FILE_BYTES} to spare, `reserve` ends the segment
 * with a blank (record-format.ts) that takes all that is left, and goes on in the next one.
 */
export interface CommitLogStorage {
  /** First physical offset still held. */
  readonly minOffset: number
  /** The next offset to be written; moves with `commit`, and with a `reserve` that ends a segment. */
  readonly maxOffset: number
  /**
   * Everything below has been handed over to where it is kept (the operating system, for files): it can be read, and survives this process.
   * Records behind it may still be taken back, so slaves are sent no more.
   */
  readonly writtenWhere: number
  /** Everything below is as durable as this storage can make it; moves only after it has happened. */
  readonly flushedWhere: number
  /** Where the reserved bytes go: the buffer, and the position in it. Valid from a successful `reserve` until the next call. */
  readonly tail: Buffer
  readonly tailPosition: number
  /** Makes room for `size` bytes at `maxOffset`; false, and nothing has changed, when there is none (`refusal` says why). */
  reserve(size: number): boolean
  /** Makes the first `size` reserved bytes part of the log. */
  commit(size: number): void
  /**
   * A slave's append: bytes of its master's log as they are, blanks included, cut anywhere; they go on over a segment's end where the
   * segments' size puts it. Bytes have to follow `maxOffset`; only an empty log may begin at another offset, where a segment begins.
   * @throws when they do not follow, or there is no room. Some of them may have been taken then: `maxOffset` says how many.
   */
  appendRaw(physicalOffset: number, bytes: Uint8Array): void
  /** Why the last `reserve` failed: names the limit and the option that raises it. */
  readonly refusal: PutRefusal | undefined
  /**
   * Makes everything below `offset` durable and moves `flushedWhere`; nothing to wait for when it returns nothing. Throws or rejects
   * when that failed: the caller then never calls it again. Called with one flush in flight at most.
   */
  flush(offset: number): void | Promise<void>
  /** `size` bytes at a physical offset, or undefined when they are not, or no longer, held in one segment. They stay what they are. */
  read(physicalOffset: number, size: number): Buffer | undefined
  /** The same for who is done with it before the next call: a view that is valid no longer than that. */
  peek(physicalOffset: number, size: number): Buffer | undefined
  /** Everything written from a physical offset to the end of its segment, at most `limit` bytes; undefined outside the log. */
  readChunk(physicalOffset: number, limit: number): Buffer | undefined
  /** Called when `minOffset` has moved up because the oldest segment was dropped. */
  onDropped: (() => void) | undefined
  /** Called when `writtenWhere` has moved; never by a storage that writes within `commit` and `appendRaw`. */
  onWritten: (() => void) | undefined
  /** Called when bytes could not be written: the log has been taken back to `end` already. */
  onWriteFailed: ((failure: WriteFailure) => void) | undefined
  close(): void | Promise<void>
}

/** A write that failed. What was behind it is not part of the log any more, was not dispatched and has to be refused. */
export interface WriteFailure {
  /** Where the log ends now. */
  end: number
  /** Nothing will be written any more. */
  fatal: boolean
  /** What those get that wait for what was taken back. */
  refusal: PutRefusal
}

/** A put that was refused before anything was written, or taken back. */
export interface PutRefusal {
  status: PutMessageStatus
  remark: string
}
