/** Whole numbers are bigint, as Java tells Long from Double; null is unknown. */
export type Value = string | boolean | bigint | number | null

/** A message for which an expression has no value: it does not pass, whatever else the expression says. */
export class Sql92EvaluationError extends Error {
  override readonly name = 'Sql92EvaluationError'
}

const INT_MIN = -(2n ** 31n)
const INT_MAX = 2n ** 31n - 1n
const LONG_MIN = -(2n ** 63n)
const LONG_MAX = 2n ** 63n - 1n
/** Longer texts are no numbers, so that none takes long to read. */
const LONGEST_NUMBER = 400
const DOUBLE = /^[+-]?(?:NaN|Infinity|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?)$/

/**
 * Java's `ComparisonExpression.__compare` with conversion: a text beside a number is read as one of that kind; of other kinds the left one
 * is the smaller.
 */
export function compareValues(left: Exclude<Value, null>, right: Exclude<Value, null>): number {
  if (typeof left === 'string') {
    if (typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0
    return compareAlike(converted(left, right), right)
  }
  if (typeof right === 'string') {
    if (typeof left === 'boolean') throw new Sql92EvaluationError('a text cannot be compared with a truth value')
    return compareAlike(left, converted(right, left))
  }
  if ((typeof left === 'boolean') !== (typeof right === 'boolean')) return -1
  return compareAlike(left, right)
}

/** Order of two texts: only of numbers. */
export function compareAsDoubles(left: string, right: string): number {
  return compareAlike(toDouble(left), toDouble(right))
}

function compareAlike(left: bigint | number | boolean, right: bigint | number | boolean): number {
  // JavaScript compares whole numbers with doubles as they are.
  const [a, b] = [left as number, right as number]
  if (a < b) return -1
  if (a > b) return 1
  // biome-ignore lint/suspicious/noDoubleEquals: a whole number equals a double of the same value
  if (a == b) return 0
  // NaN is above everything
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1
}

function converted(text: string, like: bigint | number | boolean): bigint | number | boolean {
  if (typeof like === 'boolean') return text.toLowerCase() === 'true'
  return typeof like === 'bigint' ? toInteger(text, like) : toDouble(text)
}

function toInteger(text: string, like: bigint): bigint {
  const int = like >= INT_MIN && like <= INT_MAX
  const value = text.length <= LONGEST_NUMBER && /^[+-]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined
  if (value === undefined || value < (int ? INT_MIN : LONG_MIN) || value > (int ? INT_MAX : LONG_MAX)) {
    throw new Sql92EvaluationError('a text is compared with a whole number and is none')
  }
  return value
}

function toDouble(text: string): number {
  const trimmed = text.length <= LONGEST_NUMBER ? text.trim() : ''
  if (!DOUBLE.test(trimmed)) throw new Sql92EvaluationError('a text is compared as a number and is none')
  return Number(/[fFdD]$/.test(trimmed) ? trimmed.slice(0, -1) : trimmed)
}

/** @throws RangeError when it is beyond 64 bits */
export function integerLiteral(text: string): bigint {
  const value = BigInt(text.replace(/[lL]$/, ''))
  if (value > LONG_MAX) throw new RangeError(`${text} is beyond 64 bits`)
  return value
}
