import { MQClientException } from '../internal/errors.ts'
import { textOf } from '../internal/logger.ts'

/** An error that names the field, the value and what is allowed. */
export function refused(field: string, value: unknown, allowed: string): MQClientException {
  return new MQClientException(`${field} is ${shown(value)}: allowed is ${allowed}`, { code: 'BAD_OPTION' })
}

/** @throws when `value` is no object, or has a field that is not among `allowed`. */
export function checkFields(what: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused(what, value, `an object with ${allowed.join(', ')}`)
  }
  for (const [field, given] of Object.entries(value)) {
    if (!allowed.includes(field)) throw refused(`${what}.${field}`, given, `no such field, but ${allowed.join(', ')}`)
  }
}

/** @throws when `value` is given and no whole number from `min` to `max`. */
export function checkWhole(what: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined) return
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw refused(what, value, `a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}`)
  }
}

/** @throws when `value` is given and no text. */
export function checkText(what: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value === '')) throw refused(what, value, 'a text that is not empty')
}

/** The number of a code that is given by name or number. @throws for a name that does not exist. */
export function codeNumber(what: string, value: unknown, codes: Readonly<Record<string, number>>): number {
  if (Number.isSafeInteger(value)) return value as number
  if (typeof value === 'string' && Object.hasOwn(codes, value)) return codes[value] as number
  const near = typeof value === 'string' ? similar(value, Object.keys(codes)) : []
  const hint = near.length > 0 ? `, for example ${near.join(', ')}` : `, for example ${Object.keys(codes).slice(0, 3).join(', ')}`
  throw refused(what, value, `a whole number or one of RocketMQ's names${hint}`)
}

/** @throws when no broker knows `topic`. */
export function checkTopic(what: string, topic: unknown, known: ReadonlySet<string>): void {
  if (topic === undefined) return
  checkText(what, topic)
  if (/^(%RETRY%|%DLQ%|rmq_sys_|RMQ_SYS_)/.test(topic as string) || known.has(topic as string)) return
  const names = [...known].sort()
  const some = names.slice(0, 20).join(', ') + (names.length > 20 ? ', ...' : '')
  throw refused(
    what,
    topic,
    `a topic that exists (give it to start() in topics, or send to it first): ${some || 'there is none'}`
  )
}

/**
 * What was waited for, instead of the bare reason of a signal: that says neither what was missing nor who waited.
 * @throws MQClientException (`ABORTED`) when `waiting` was given up; what else it rejects with.
 */
export async function reasoned<T>(waiting: Promise<T>, signal: AbortSignal | undefined, missing: () => string): Promise<T> {
  try {
    return await waiting
  } catch (error) {
    if (signal?.aborted !== true || error !== signal.reason) throw error
    throw new MQClientException(`${missing()}: ${textOf(error)}`, { code: 'ABORTED', cause: error })
  }
}

function similar(wanted: string, names: readonly string[]): string[] {
  const words = wanted
    .toUpperCase()
    .split(/[^A-Z0-9]+/)
    .filter((word) => word.length > 2)
  return names.filter((name) => words.some((word) => name.includes(word))).slice(0, 5)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 200)}'`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return String(value)
}
