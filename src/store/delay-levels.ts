import { MQClientException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'

const UNIT_MILLIS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of each delay level; index 0 is level 1.
 * @param text as in the setting `messageDelayLevel`: `1s 5s 1m 2h`
 * @throws MQClientException naming the part that is none.
 */
export function parseDelayLevels(text: string): number[] {
  const parts = text.trim().split(/\s+/)
  return parts.map((part) => {
    const match = /^(\d{1,9})([smhd])$/.exec(part)
    if (match === null) {
      throw new MQClientException(
        `messageDelayLevel: "${logText(part)}" is no delay; expected a number followed by s, m, h or d, e.g. 30s`,
        {
          code: 'BAD_OPTION'
        }
      )
    }
    return Number(match[1]) * UNIT_MILLIS[match[2]!]!
  })
}

/** When a message of `level` that was stored at `storeTimestamp` is due; a level without a delay waits one second, as in Java. */
export function deliverTimestamp(levels: readonly number[], level: number, storeTimestamp: number): number {
  return storeTimestamp + (levels[Math.min(level, levels.length) - 1] ?? 1000)
}
