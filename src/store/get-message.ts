import { tagsCodeOf } from '../protocol/java-hash.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { decodeProperties } from '../protocol/properties.ts'
import type { ConsumeQueue } from './consume-queue.ts'
import { isExtendedAddress } from './extended-units.ts'
import type { MessageStoreConfig } from './message-store-config.ts'
import { readRecordHead } from './record-format.ts'
import type { CommitLogStorage, GetMessageResult, RecordFilter, TagsFilter } from './types.ts'

/** Bytes of a consume queue unit in Java's files; limits are given in them. */
const UNIT_SIZE = 20
/** No read answers with more, whatever is asked for, bytes. */
export const MAX_PULL_MSG_SIZE = 128 * 1024 * 1024

/** The limits and the statuses of Java's `DefaultMessageStore.getMessage`. */
export function readQueue(
  queue: ConsumeQueue | undefined,
  storage: CommitLogStorage,
  config: MessageStoreConfig,
  offset: number,
  maxMsgNums: number,
  filter: TagsFilter | undefined,
  maxTotalMsgSize: number,
  recordFilter?: RecordFilter
): GetMessageResult {
  const minOffset = queue?.minOffset ?? 0
  const maxOffset = queue?.maxOffset ?? 0
  // A slave behind its master must not send a consumer back.
  const corrects = config.brokerRole !== 'SLAVE' || config.offsetCheckInSlave
  const nothing = (status: GetMessageResult['status'], next: number): GetMessageResult => ({
    status,
    nextBeginOffset: corrects ? next : offset,
    minOffset,
    maxOffset,
    messages: []
  })
  // 5.x makes the queue that is asked for, so an unknown one answers like an empty one.
  if (queue === undefined || maxOffset === 0) return nothing('NO_MESSAGE_IN_QUEUE', 0)
  if (offset < minOffset) return nothing('OFFSET_TOO_SMALL', minOffset)
  if (offset === maxOffset) return nothing('OFFSET_OVERFLOW_ONE', offset)
  if (offset > maxOffset) return nothing('OFFSET_OVERFLOW_BADLY', maxOffset)

  const maxScan = Math.max(config.maxFilterMessageSize, maxMsgNums * UNIT_SIZE) / UNIT_SIZE
  const maxBytes = Math.min(Math.max(maxTotalMsgSize, 100), MAX_PULL_MSG_SIZE)
  const end = Math.min(maxOffset, Math.ceil(offset + maxScan))
  const messages: Buffer[] = []
  let bytes = 0
  let removing = false
  let next = offset
  while (next < end) {
    const size = queue.sizeAt(next)
    if (bytes > 0 && isFull(size, messages.length, bytes, maxMsgNums, maxBytes, config)) break
    const tagsCode = queue.tagsCodeAt(next)
    const physicalOffset = queue.physicalOffsetAt(next)
    next++
    const extended = isExtendedAddress(tagsCode)
    if (filter !== undefined && !extended && !filter(tagsCode)) {
      removing = false
      continue
    }
    const record = storage.read(physicalOffset, size)
    if (record === undefined) {
      removing = true
      continue
    }
    const passes = filter === undefined || !extended || filter(tagsCodeIn(record))
    if (!passes || (recordFilter !== undefined && !recordFilter(record))) {
      removing = false
      continue
    }
    messages.push(record)
    bytes += size
  }
  const status = messages.length > 0 ? 'FOUND' : removing ? 'MESSAGE_WAS_REMOVING' : 'NO_MATCHED_MESSAGE'
  return { status, nextBeginOffset: next, minOffset, maxOffset, messages }
}

/** Of a record whose unit does not say. */
function tagsCodeIn(record: Buffer): number {
  return tagsCodeOf(decodeProperties(readRecordHead(record).properties).get(MessageConst.TAGS))
}

/** The first message is always taken. */
function isFull(
  size: number,
  count: number,
  bytes: number,
  maxMsgNums: number,
  maxBytes: number,
  config: MessageStoreConfig
): boolean {
  return (
    count >= maxMsgNums ||
    bytes + size > maxBytes ||
    bytes + size > config.maxTransferBytesOnMessageInMemory ||
    count >= config.maxTransferCountOnMessageInMemory
  )
}
