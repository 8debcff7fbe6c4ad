import { MessageConst } from '../protocol/message-const.ts'
import { decodeProperties } from '../protocol/properties.ts'
import type { KeyIndex } from './index-service.ts'
import { readRecordHead, storeTimestampOf } from './record-format.ts'

export interface QueryMessageResult {
  /** Stored records, oldest first. */
  messages: Buffer[]
  indexLastUpdateTimestamp: number
  indexLastUpdatePhyoffset: number
}

/**
 * The newest `limit` records with a key that were stored from `begin` to `end`.
 * @param lookup the record at a physical offset
 */
export function queryByKey(
  index: KeyIndex,
  lookup: (physicalOffset: number) => Buffer | undefined,
  topic: string,
  key: string,
  limit: number,
  begin: number,
  end: number
): QueryMessageResult {
  const messages: Buffer[] = []
  let last = -1
  for (const offset of limit > 0 ? index.query(topic, key, begin, end) : []) {
    // A record is found once, also when key and unique key are one.
    if (offset === last) continue
    last = offset
    const record = lookup(offset)
    // Entries lie in the order of the log: what comes next is older still.
    if (record === undefined || storeTimestampOf(record) < begin) break
    if (storeTimestampOf(record) > end || !hasKey(record, topic, key)) continue
    messages.push(record)
    if (messages.length >= limit) break
  }
  // Java says how far its index has come only along with what it found.
  if (messages.length === 0) return { messages, indexLastUpdateTimestamp: 0, indexLastUpdatePhyoffset: 0 }
  return {
    messages: messages.reverse(),
    indexLastUpdateTimestamp: index.lastUpdateTimestamp,
    indexLastUpdatePhyoffset: index.lastUpdatePhysicalOffset
  }
}

/** Whether a record that the index led to has the key: hashes collide. */
function hasKey(record: Buffer, topic: string, key: string): boolean {
  const head = readRecordHead(record)
  if (head.topic !== topic) return false
  const properties = decodeProperties(head.properties)
  return properties.get(MessageConst.UNIQ_KEY) === key || (properties.get(MessageConst.KEYS)?.split(' ').includes(key) ?? false)
}
