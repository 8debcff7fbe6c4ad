import { MQClientException } from './errors.ts'
import { logText } from './logger.ts'

/** A span of time: ms, or days, hours, minutes, seconds and ms in that order, such as `30m`, `1h30m`, `2d`, `500ms`. */
export type Duration = number | string

const TEXT = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/
/** Ms of each unit, in the order of the text. */
const UNITS = [86_400_000, 3_600_000, 60_000, 1000, 1] as const
/** A hundred years: times stay within what a date can be. */
const LONGEST = 36_500 * 86_400_000

/** Ms. @throws MQClientException (`BAD_OPTION`) that says what is allowed. */
export function durationMillis(duration: Duration): number {
  const millis = typeof duration === 'string' ? textMillis(duration) : duration
  if (typeof millis === 'number' && millis >= 0 && millis <= LONGEST) return millis
  throw new MQClientException(
    `the duration is ${typeof duration === 'string' ? `'${logText(duration)}'` : logText(duration)}: allowed is a number of ms from 0 to ${LONGEST} (100 years), or such a text as '30m', '1h30m', ` +
      "'2d', '500ms': whole days (d), hours (h), minutes (m), seconds (s) and ms, in that order",
    { code: 'BAD_OPTION' }
  )
}

function textMillis(text: string): number {
  const parts = text === '' ? null : TEXT.exec(text)
  if (parts === null) return Number.NaN
  return UNITS.reduce((sum, unit, i) => sum + Number(parts[i + 1] ?? 0) * unit, 0)
}
