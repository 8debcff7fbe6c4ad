import { MQClientException } from '../internal/errors.ts'
import { escapeControls } from '../internal/logger.ts'

/** What an option may be: a test, and the words for it. */
export interface Rule {
  readonly allowed: string
  fits(value: unknown): boolean
}

/** Ms; timers cannot be set for longer. */
export const LONGEST_TIMEOUT = 0x7fffffff

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Rule {
  return {
    allowed: `a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? ' on' : ` to ${max}`}`,
    fits: (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
  }
}

export function oneOf(...names: string[]): Rule {
  const last = names.length - 1
  return {
    allowed: `${names.slice(0, last).join(', ')} or ${names[last]}`,
    fits: (value) => names.includes(value as string)
  }
}

/** An object with these functions. */
export function having(...methods: string[]): Rule {
  return {
    allowed: `an object with ${methods.join(', ')}`,
    fits: (value) =>
      isObject(value) && methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function')
  }
}

/** An array of what `each` allows. */
export function listOf(each: Rule): Rule {
  return {
    allowed: `an array, each of it ${each.allowed}`,
    fits: (value) => Array.isArray(value) && value.every((one) => each.fits(one))
  }
}

export const text: Rule = { allowed: 'text', fits: (value) => typeof value === 'string' }
export const truth: Rule = { allowed: 'true or false', fits: (value) => typeof value === 'boolean' }
export const object: Rule = { allowed: 'an object', fits: (value) => isObject(value) && !Array.isArray(value) }
export const texts: Rule = {
  allowed: 'an array of texts',
  fits: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string')
}
export const integers: Rule = {
  allowed: 'an array of whole numbers',
  fits: (value) => Array.isArray(value) && value.every((each) => Number.isInteger(each))
}
/** Ms in order, for tables that are looked up from their end. */
export const ascendingMillis: Rule = {
  allowed: 'an array of whole numbers from 0 on, at least one, each larger than the one before',
  fits: (value) => wholeNumbers(value) && value.length > 0 && value.every((each, i) => i === 0 || each > value[i - 1])
}
export const millisList: Rule = { allowed: 'an array of whole numbers from 0 on', fits: wholeNumbers }
export const textOrTexts: Rule = {
  allowed: 'text or an array of texts',
  fits: (value) => text.fits(value) || texts.fits(value)
}

/** @throws MQClientException naming the first option that is not what it may be; those that are absent are not looked at. */
export function checkOptions<T extends object>(options: T, rules: { readonly [Name in keyof T]?: Rule }): void {
  if (!isObject(options)) {
    throw new MQClientException(`the options are ${shown(options)}: allowed is an object`, { code: 'BAD_OPTION' })
  }
  for (const name of Object.keys(rules) as Array<keyof T & string>) {
    const value = options[name]
    const rule = rules[name] as Rule
    if (value !== undefined && !rule.fits(value)) throw badOption(name, value, rule.allowed)
  }
}

/** @throws MQClientException naming the option when `value` is not what it may be. */
export function checkOption(name: string, value: unknown, rule: Rule): void {
  if (!rule.fits(value)) throw badOption(name, value, rule.allowed)
}

/** Options whose text may be the secret itself, put in the wrong place. */
const SECRET = new Set(['credentials', 'tls'])

export function badOption(name: string, value: unknown, allowed: string): MQClientException {
  const text = SECRET.has(name) && typeof value === 'string' ? 'a text' : shown(value)
  return new MQClientException(`${name} is ${text}: allowed is ${allowed}`, { code: 'BAD_OPTION' })
}

function wholeNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/**
 * For a text. Never what is in an object: it may hold a secret, and it may have no text. A text is quoted: 'true' is not true, and what
 * comes from the environment is always text.
 */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'string') return `'${escapeControls(value.slice(0, 64))}'`
  if (typeof value === 'function') return 'a function'
  return isObject(value) ? 'an object' : String(value)
}
