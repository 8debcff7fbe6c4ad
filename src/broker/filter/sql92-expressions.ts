import { Sql92SyntaxError } from './sql92-tokens.ts'
import { compareAsDoubles, compareValues, Sql92EvaluationError, type Value } from './sql92-values.ts'

export type Properties = ReadonlyMap<string, string>

/** A part of an expression; Java's classes in `org.apache.rocketmq.filter.expression`. */
export interface Expression {
  /** What it is, which decides where it may stand. */
  readonly kind: 'boolean' | 'property' | 'constant' | 'number'
  /** Of a constant, TRUE, FALSE and NULL included. */
  readonly constant?: Value
  evaluate(properties: Properties): Value
}

export function constant(value: Value): Expression {
  const kind = value === null || typeof value === 'boolean' ? 'boolean' : 'constant'
  return { kind, constant: value, evaluate: () => value }
}

export function property(name: string): Expression {
  return { kind: 'property', evaluate: (properties) => properties.get(name) ?? null }
}

/** Where a truth value is needed a property counts as false, because it is a text; an absent one is unknown. */
export function asBoolean(expression: Expression): Expression {
  if (expression.kind === 'boolean') return expression
  if (expression.kind !== 'property') throw new Sql92SyntaxError('the expression gives no truth value')
  return { kind: 'boolean', evaluate: (properties) => (expression.evaluate(properties) === null ? null : false) }
}

/** Three-valued: unknown unless one of them is false. */
export function and(operands: Expression[]): Expression {
  return fold(operands, false)
}

/** Three-valued: unknown unless one of them is true. */
export function or(operands: Expression[]): Expression {
  return fold(operands, true)
}

function fold(given: Expression[], decisive: boolean): Expression {
  if (given.length === 1) return given[0] as Expression
  const operands = given.map(asBoolean)
  return {
    kind: 'boolean',
    evaluate(properties) {
      let unknown = false
      for (const operand of operands) {
        const value = operand.evaluate(properties)
        if (value === decisive) return decisive
        if (value === null) unknown = true
      }
      return unknown ? null : !decisive
    }
  }
}

export function not(given: Expression): Expression {
  const operand = asBoolean(given)
  return {
    kind: 'boolean',
    evaluate(properties) {
      const value = operand.evaluate(properties)
      return value === null ? null : value !== true
    }
  }
}

export function negate(operand: Expression): Expression {
  return {
    kind: 'number',
    evaluate(properties) {
      const value = operand.evaluate(properties)
      return typeof value === 'bigint' || typeof value === 'number' ? -value : null
    }
  }
}

export function equal(left: Expression, right: Expression): Expression {
  for (const side of [left, right]) {
    if (side.constant === null) throw new Sql92SyntaxError('NULL cannot be compared: use IS NULL or IS NOT NULL')
  }
  if (typeof left.constant === 'boolean' && right.kind === 'constant') {
    throw new Sql92SyntaxError(`${left.constant} cannot be compared with ${String(right.constant)}`)
  }
  return same(left, right)
}

export function isNull(operand: Expression): Expression {
  return same(operand, constant(null))
}

function same(left: Expression, right: Expression): Expression {
  return {
    kind: 'boolean',
    evaluate(properties) {
      const a = left.evaluate(properties)
      const b = right.evaluate(properties)
      if (a === null) return b === null ? true : null
      if (b === null) return false
      return a === b || compareValues(a, b) === 0
    }
  }
}

export type Order = '<' | '<=' | '>' | '>='

const ORDERS: Record<Order, (order: number) => boolean> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0
}

export function ordered(left: Expression, order: Order, right: Expression): Expression {
  for (const side of [left, right]) {
    if (side.kind === 'boolean' || typeof side.constant === 'string') {
      throw new Sql92SyntaxError(`only properties and numbers stand beside ${order}`)
    }
  }
  const holds = ORDERS[order]
  return {
    kind: 'boolean',
    evaluate(properties) {
      const a = left.evaluate(properties)
      const b = right.evaluate(properties)
      if (a === null || b === null) return null
      return holds(typeof a === 'string' && typeof b === 'string' ? compareAsDoubles(a, b) : compareValues(a, b))
    }
  }
}

export function between(value: Expression, low: Expression, high: Expression): Expression {
  const [from, to] = [low.constant, high.constant]
  if (from === null || to === null) throw new Sql92SyntaxError('the limits of BETWEEN cannot be NULL')
  if (from !== undefined && to !== undefined && compareValues(to, from) < 0) {
    throw new Sql92SyntaxError(`BETWEEN ${String(from)} AND ${String(to)} holds for nothing: the lower limit comes first`)
  }
  return and([ordered(value, '>=', low), ordered(value, '<=', high)])
}

export function notBetween(value: Expression, low: Expression, high: Expression): Expression {
  return or([ordered(value, '<', low), ordered(value, '>', high)])
}

export function oneOf(operand: Expression, texts: string[], negated: boolean): Expression {
  if (operand.kind !== 'property') throw new Sql92SyntaxError('IN stands behind a property')
  const set = new Set(texts)
  return {
    kind: 'boolean',
    evaluate(properties) {
      const value = operand.evaluate(properties)
      return value === null ? null : set.has(value as string) !== negated
    }
  }
}

export type TextTest = 'CONTAINS' | 'STARTSWITH' | 'ENDSWITH'

const TEXT_TESTS: Record<TextTest, (text: string, search: string) => boolean> = {
  CONTAINS: (text, search) => text.includes(search),
  STARTSWITH: (text, search) => text.startsWith(search),
  ENDSWITH: (text, search) => text.endsWith(search)
}

/** False, negated or not, for what is no text, and for an empty search. */
export function textTest(operand: Expression, test: TextTest, search: string, negated: boolean): Expression {
  const holds = TEXT_TESTS[test]
  return {
    kind: 'boolean',
    evaluate(properties) {
      const value = operand.evaluate(properties)
      return search !== '' && typeof value === 'string' && holds(value, search) !== negated
    }
  }
}

/** Whether a message passes: only where the expression is true. */
export function matches(expression: Expression, properties: Properties): boolean {
  try {
    return expression.evaluate(properties) === true
  } catch (error) {
    if (error instanceof Sql92EvaluationError) return false
    throw error
  }
}
