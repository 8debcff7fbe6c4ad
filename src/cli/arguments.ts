import { readFileSync } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The words on the command line are wrong; the process ends with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What `parseArgs` of node:util takes as `options`. */
export type OptionTable = NonNullable<ParseArgsConfig['options']>

/** Parses strictly: an unknown option or a stray word is a UsageError. */
export function parseOptions(
  args: readonly string[],
  options: OptionTable
): Record<string, string | boolean | string[] | undefined> {
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: false
    })
    return parsed.values as Record<string, string | boolean | string[] | undefined>
  } catch (error) {
    throw new UsageError(`${(error as Error).message.replace(/\.$/, '')}; --help lists the options`)
  }
}

/** A whole number within bounds, or `fallback` when the option is absent. */
export function wholeNumber(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback
  const number = Number(value)
  if (typeof value === 'string' && value.trim() !== '' && Number.isInteger(number) && number >= min && number <= max)
    return number
  throw new UsageError(`--${name} is "${String(value)}": allowed is a whole number from ${min} to ${max}`)
}

/** One of the given words, or `fallback` when the option is absent. */
export function oneOf<T extends string>(name: string, value: unknown, words: readonly T[], fallback: T): T {
  if (value === undefined) return fallback
  if (words.includes(value as T)) return value as T
  throw new UsageError(`--${name} is "${String(value)}": allowed are ${words.join(', ')}`)
}

/** An option that must be given. */
export function required(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new UsageError(`--${name} is missing`)
}

/** The bytes of a file that an option names. */
export function fileContents(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as Error).message}`)
  }
}
