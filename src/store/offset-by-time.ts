import type { ConsumeQueue } from './consume-queue.ts'
import type { TimeBoundary } from './types.ts'

/**
 * The queue offset that belongs to a time, as 5.3 answers it; store timestamps do not fall along a queue.
 *
 * | `timestamp` | LOWER | UPPER |
 * | --- | --- | --- |
 * | of some messages | the first of them | the last of them |
 * | before all | the first message | 0 |
 * | behind all | behind the last message | the last message |
 * | in a gap | the message behind it | the message before it |
 *
 * @param storeTimestamp of the record at a physical offset; below 0 when it cannot be read
 */
export function offsetByTime(
  queue: ConsumeQueue,
  timestamp: number,
  boundary: TimeBoundary,
  storeTimestamp: (physicalOffset: number) => number
): number {
  const { minOffset, maxOffset } = queue
  if (minOffset >= maxOffset) return 0
  const timeAt = (offset: number): number => storeTimestamp(queue.physicalOffsetAt(offset))
  if (timeAt(maxOffset - 1) < timestamp) return boundary === 'LOWER' ? maxOffset : maxOffset - 1
  if (timeAt(minOffset) > timestamp) return boundary === 'LOWER' ? minOffset : 0
  // The first message at or behind `timestamp` (LOWER), or the first behind it (UPPER).
  let low = minOffset
  let high = maxOffset
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const time = timeAt(middle)
    if (time < 0) return 0
    if (boundary === 'LOWER' ? time >= timestamp : time > timestamp) high = middle
    else low = middle + 1
  }
  return boundary === 'LOWER' ? low : low - 1
}
