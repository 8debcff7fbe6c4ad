import { crc32 } from '../../protocol/crc32.ts'
import {
  BLANK_MAGIC,
  BORN_HOST_AT,
  MAGIC_AT,
  MESSAGE_MAGIC_V1,
  PHYSICAL_OFFSET_AT,
  QUEUE_OFFSET_AT,
  SYS_FLAG_AT
} from '../../protocol/message-codec.ts'
import { SysFlag } from '../../protocol/sys-flag.ts'
import { END_OF_FILE_BYTES, isRecordMagic, readLong } from '../record-format.ts'

/** Enough of a record to know whether its sizes hold together: everything up to the body, with IPv6 hosts. */
const HEAD_BYTES = 112
/** A record without hosts, body, topic and properties. */
const FIXED = 75
const LONGEST_TOPIC = 32_767
const LONGEST_PROPERTIES = 32_767

/** What stands at a position of the log. */
export type Verdict =
  /** A whole, valid record. */
  | { kind: 'record'; size: number }
  /** The rest of the segment is unused. */
  | { kind: 'blank'; size: number }
  /** So many bytes from here on are needed to tell. */
  | { kind: 'more'; size: number }
  | { kind: 'bad'; reason: string }

/**
 * Judges the bytes at a position; Java's `checkMessageAndReturnSize`, and what it leaves out: the physical offset has to be the record's own,
 * and no size is believed before it fits the others. What a client chooses (sysFlag, born timestamp, queue, properties) is not judged: nobody's
 * message may make the log look damaged.
 *
 * @param bytes from `at` on the log's bytes, as many as were read.
 * @param remaining bytes of the segment from here to its end.
 */
export function checkRecord(bytes: Buffer, at: number, physicalOffset: number, remaining: number): Verdict {
  const held = bytes.length - at
  if (remaining < END_OF_FILE_BYTES) return bad(`only ${remaining} bytes are left in the segment`)
  if (held < END_OF_FILE_BYTES) return { kind: 'more', size: END_OF_FILE_BYTES }
  const size = bytes.readInt32BE(at)
  const magic = bytes.readInt32BE(at + MAGIC_AT)
  // 4.x counts what is left, and so do we; whatever the size says, nothing follows a blank.
  if (magic === BLANK_MAGIC)
    return size === remaining ? { kind: 'blank', size: remaining } : bad(`a blank of ${size} bytes, ${remaining} are left`)
  if (!isRecordMagic(magic)) return bad(size === 0 && magic === 0 ? 'nothing is written here' : `magic ${magic} is not known`)
  if (size < FIXED + 16 || size > remaining) return bad(`size ${size}, ${remaining} bytes are left in the segment`)
  if (held < Math.min(HEAD_BYTES, size)) return { kind: 'more', size: Math.min(HEAD_BYTES, size) }
  return checkHead(bytes, at, physicalOffset, size, held)
}

function checkHead(bytes: Buffer, at: number, physicalOffset: number, size: number, held: number): Verdict {
  if (readLong(bytes, at + PHYSICAL_OFFSET_AT) !== physicalOffset) {
    return bad(`its physical offset says ${readLong(bytes, at + PHYSICAL_OFFSET_AT)}`)
  }
  const sysFlag = bytes.readInt32BE(at + SYS_FLAG_AT)
  if (bytes.readInt32BE(at + QUEUE_OFFSET_AT) < 0) return bad('its queue offset is negative')
  const bornHost = (sysFlag & SysFlag.BORNHOST_V6) !== 0 ? 20 : 8
  const storeHost = (sysFlag & SysFlag.STOREHOST_V6) !== 0 ? 20 : 8
  const storeTimestampAt = at + BORN_HOST_AT + bornHost
  const bodyLengthAt = storeTimestampAt + 8 + storeHost + 12
  if (!isPort(bytes.readInt32BE(storeTimestampAt - 4))) return bad('the port of its born host is none')
  if (!isPort(bytes.readInt32BE(storeTimestampAt + 4 + storeHost))) return bad('the port of its store host is none')
  if (readLong(bytes, storeTimestampAt) <= 0) return bad('its store timestamp is none')
  const bodyLength = bytes.readInt32BE(bodyLengthAt)
  const rest = size - (bodyLengthAt + 4 - at) - bodyLength
  if (bodyLength < 0 || rest < 3 || rest > 2 + LONGEST_TOPIC + 2 + LONGEST_PROPERTIES) {
    return bad(`a body of ${bodyLength} bytes in a record of ${size}`)
  }
  if (held < size) return { kind: 'more', size }
  const bodyAt = bodyLengthAt + 4
  const topicLengthAt = bodyAt + bodyLength
  const narrow = bytes.readInt32BE(at + MAGIC_AT) === MESSAGE_MAGIC_V1
  const topicLength = narrow ? bytes.readInt8(topicLengthAt) : rest < 4 ? -1 : bytes.readInt16BE(topicLengthAt)
  const topicSize = narrow ? 1 : 2
  if (topicLength <= 0 || topicLength > rest - topicSize - 2) return bad(`topic length ${topicLength}`)
  // It has no checksum: what a torn write leaves of it are zeros.
  const topicEnd = topicLengthAt + topicSize + topicLength
  for (let i = topicLengthAt + topicSize; i < topicEnd; i++) if (bytes[i] === 0) return bad('its topic is none')
  const propertiesLength = bytes.readInt16BE(topicLengthAt + topicSize + topicLength)
  if (propertiesLength !== rest - topicSize - topicLength - 2) {
    return bad(`properties length ${propertiesLength}, ${rest - topicSize - topicLength - 2} bytes are left`)
  }
  const bodyCRC = bytes.readInt32BE(at + 8)
  if (bodyLength > 0 && crc32(bytes.subarray(bodyAt, topicLengthAt)) !== bodyCRC)
    return bad('the body does not match its checksum')
  return { kind: 'record', size }
}

function isPort(port: number): boolean {
  return port >= 0 && port <= 65_535
}

function bad(reason: string): Verdict {
  return { kind: 'bad', reason }
}
