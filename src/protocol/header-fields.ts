import { RemotingCommandException } from '../internal/errors.ts'
import type { ExtFields } from './ext-fields.ts'

/**
 * Typed reading of header fields. Numbers follow Java's parsers (a sign and digits); an empty text counts as absent, because that is
 * how it reads in binary headers. All throw RemotingCommandException (`BAD_FIELD`) naming the field.
 */

export function requiredText(fields: ExtFields, name: string): string {
  const value = fields[name]
  if (value === undefined) throw badField(name, 'is missing')
  return value
}

export function optionalText(fields: ExtFields, name: string): string | undefined {
  return fields[name]
}

export function requiredInt(fields: ExtFields, name: string): number {
  return intOf(fields[name], name)
}

export function optionalInt(fields: ExtFields, name: string): number | undefined {
  return optionalIntOf(fields[name], name)
}

/** The same for a value that was looked up already; hot paths do that by name, not by variable. */
export function intOf(value: string | undefined, name: string): number {
  return value === undefined || value === '' ? missing(name) : parseInt32(value, name)
}

export function optionalIntOf(value: string | undefined, name: string): number | undefined {
  return value === undefined || value === '' ? undefined : parseInt32(value, name)
}

export function longOf(value: string | undefined, name: string): number {
  return value === undefined || value === '' ? missing(name) : parseInt64(value, name)
}

/** Java's `Boolean.parseBoolean`. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && (value === 'true' || (value.length === 4 && value.toLowerCase() === 'true'))
}

/** A 64-bit field as a number; above 2^53-1 is an error. */
export function requiredLong(fields: ExtFields, name: string): number {
  return longOf(fields[name], name)
}

export function optionalLong(fields: ExtFields, name: string): number | undefined {
  const value = fields[name]
  if (value === undefined || value === '') return undefined
  return parseInt64(value, name)
}

/** A 64-bit field for which clients send `Long.MAX_VALUE`, meaning "no bound": clamped to what a number holds exactly. */
export function clampedLong(fields: ExtFields, name: string): number {
  const value = fields[name]
  if (value === undefined || value === '') return missing(name)
  if (!INTEGER.test(value)) throw badField(name, `is not a 64-bit integer: ${quoted(value)}`)
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)))
}

/** Java's `Boolean.parseBoolean`: "true" in any case, everything else is false. */
export function booleanField(fields: ExtFields, name: string, otherwise = false): boolean {
  const value = fields[name]
  return value === undefined ? otherwise : isTrue(value)
}

const INTEGER = /^[+-]?\d{1,20}$/

/** @param name for the error. */
export function parseInt32(text: string, name: string): number {
  let number = plainDigits(text)
  if (number < 0) number = INTEGER.test(text) ? Number(text) : Number.NaN
  if ((number | 0) !== number) throw badField(name, `is not a 32-bit integer: ${quoted(text)}`)
  return number | 0
}

/** @param name for the error. */
export function parseInt64(text: string, name: string): number {
  let number = plainDigits(text)
  if (number < 0) number = INTEGER.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(number)) throw badField(name, `is not an integer between -(2^53-1) and 2^53-1: ${quoted(text)}`)
  return number + 0
}

/** The number that 1 to 15 digits mean; -1 for any other text. */
function plainDigits(text: string): number {
  const { length } = text
  if (length === 0 || length > 15) return -1
  let value = 0
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

export function badField(name: string, problem: string): RemotingCommandException {
  return new RemotingCommandException(`header field ${name} ${problem}`, { code: 'BAD_FIELD' })
}

function missing(name: string): never {
  throw badField(name, 'is missing')
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 32 ? `${text.slice(0, 32)}...` : text)
}
