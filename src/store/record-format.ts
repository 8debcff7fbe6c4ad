import {
  BLANK_MAGIC,
  BORN_HOST_AT,
  MAGIC_AT,
  MESSAGE_MAGIC_V1,
  MESSAGE_MAGIC_V2,
  QUEUE_ID_AT,
  QUEUE_OFFSET_AT,
  SYS_FLAG_AT
} from '../protocol/message-codec.ts'
import { SysFlag } from '../protocol/sys-flag.ts'

/**
 * What the store reads from records (message-codec.ts has their grammar) without decoding them, and how a segment ends.
 *
 * ```
 * blank := remaining:i32 magic:i32 bytes*        remaining = all that is left of the segment, this head included
 * ```
 */

/** A record fits a segment only when this much is left behind it, so that a blank always does. */
export const END_OF_FILE_BYTES = 8

/** Length of an address and its port, bytes. */
const hostLength = (v6: boolean): number => (v6 ? 20 : 8)

/** Ends a segment at `at`: `remaining` bytes are left in it. */
export function writeBlank(target: Buffer, at: number, remaining: number): void {
  target.writeInt32BE(remaining, at)
  target.writeInt32BE(BLANK_MAGIC, at + 4)
}

export function isRecordMagic(magic: number): boolean {
  return magic === MESSAGE_MAGIC_V1 || magic === MESSAGE_MAGIC_V2
}

/** A 64-bit field as number; exact below 2^53. */
export function readLong(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

/** `storeTimestamp` of a whole record, or of its first {@link STORE_TIMESTAMP_END} bytes. */
export function storeTimestampOf(record: Buffer): number {
  return readLong(record, BORN_HOST_AT + hostLength((record.readInt32BE(SYS_FLAG_AT) & SysFlag.BORNHOST_V6) !== 0))
}

/** Its place in its queue. */
export function queueOffsetOf(record: Buffer): number {
  return readLong(record, QUEUE_OFFSET_AT)
}

/** Enough of a record's beginning to hold its store timestamp, whatever its hosts are. */
export const STORE_TIMESTAMP_END = 76

/** What dispatch needs to know of a record. */
export interface RecordHead {
  queueId: number
  queueOffset: number
  sysFlag: number
  storeTimestamp: number
  preparedTransactionOffset: number
  topic: string
  properties: string
}

/** Reads a whole, valid record. */
export function readRecordHead(record: Buffer): RecordHead {
  const sysFlag = record.readInt32BE(SYS_FLAG_AT)
  const storeTimestampAt = BORN_HOST_AT + hostLength((sysFlag & SysFlag.BORNHOST_V6) !== 0)
  const reconsumeTimesAt = storeTimestampAt + 8 + hostLength((sysFlag & SysFlag.STOREHOST_V6) !== 0)
  const bodyLengthAt = reconsumeTimesAt + 12
  const topicLengthAt = bodyLengthAt + 4 + record.readInt32BE(bodyLengthAt)
  const wide = record.readInt32BE(MAGIC_AT) === MESSAGE_MAGIC_V2
  const topicAt = topicLengthAt + (wide ? 2 : 1)
  const topicEnd = topicAt + (wide ? record.readUInt16BE(topicLengthAt) : record.readUInt8(topicLengthAt))
  const propertiesAt = topicEnd + 2
  return {
    queueId: record.readInt32BE(QUEUE_ID_AT),
    queueOffset: readLong(record, QUEUE_OFFSET_AT),
    sysFlag,
    storeTimestamp: readLong(record, storeTimestampAt),
    preparedTransactionOffset: readLong(record, reconsumeTimesAt + 4),
    topic: record.toString('utf8', topicAt, topicEnd),
    properties: record.toString('utf8', propertiesAt, propertiesAt + record.readUInt16BE(topicEnd))
  }
}
