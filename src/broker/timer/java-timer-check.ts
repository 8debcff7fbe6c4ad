import { readFileSync } from 'node:fs'
import { isNotFound, readLong } from '../../store/files/file-ops.ts'
import type { TimerCheckpoint } from './timer-message-store.ts'

/** Four fields; what newer versions have behind them is not needed. */
const BYTES = 32

/**
 * What a Java broker that used this store has delivered of the messages for a point in time: its `config/timercheck`, of the old form (four fields)
 * or the new one (with a data version). Undefined when there is none. Java's `TimerCheckpoint`.
 *
 * ```
 * timercheck := lastReadTimeMs:i64 lastTimerLogFlushPos:i64 lastTimerQueueOffset:i64 masterTimerQueueOffset:i64
 *               [stateVersion:i64 timestamp:i64 counter:i64] zeros
 * ```
 * The file is only read: it goes with Java's wheel and timer log, which are not ours to keep up to date.
 *
 * @param precisionMs a step of time: `lastReadTimeMs` is the first that has not been delivered
 */
export function readJavaTimerCheck(file: string, precisionMs: number): TimerCheckpoint | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
  if (bytes.length < BYTES) return undefined
  const lastReadTimeMs = readLong(bytes, 0) - precisionMs
  const lastTimerQueueOffset = readLong(bytes, 16)
  if (lastReadTimeMs <= 0 || lastTimerQueueOffset <= 0) return undefined
  return { lastReadTimeMs, lastTimerQueueOffset, writtenByJava: true }
}
