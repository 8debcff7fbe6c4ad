import {
  and,
  asBoolean,
  between,
  constant,
  type Expression,
  equal,
  isNull,
  negate,
  not,
  notBetween,
  type Order,
  oneOf,
  or,
  ordered,
  property,
  type TextTest,
  textTest
} from './sql92-expressions.ts'
import { Sql92SyntaxError, type Token, tokenize } from './sql92-tokens.ts'
import { integerLiteral } from './sql92-values.ts'

/** Characters. */
const MAX_LENGTH = 16_384
/** Brackets and signs within each other: they are read one inside the other. */
const MAX_DEPTH = 100

/**
 * Reads an SQL92 expression; Java's `SelectorParser`.
 *
 *   or         := and (OR and)*
 *   and        := equality (AND equality)*
 *   equality   := comparison ("=" comparison | "<>" comparison | IS NOT? NULL)*
 *   comparison := unary (order unary | NOT? (BETWEEN unary AND unary | IN "(" string ("," string)* ")" | test string))*
 *   unary      := ("+" | "-" | NOT) unary | literal | id | "(" or ")"
 *
 * @throws Sql92SyntaxError
 */
export function parseSql92(sql: string): Expression {
  if (sql.length > MAX_LENGTH) throw new Sql92SyntaxError(`an expression has at most ${MAX_LENGTH} characters`)
  return new Parser(tokenize(sql)).whole()
}

class Parser {
  readonly #tokens: Token[]
  #at = 0
  #depth = 0

  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  whole(): Expression {
    const expression = asBoolean(this.#or())
    if (this.#token.kind !== 'end') throw this.#unexpected('the end')
    return expression
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token
  }

  #or(): Expression {
    const operands = [this.#and()]
    while (this.#takes('keyword', 'OR')) operands.push(this.#and())
    return or(operands)
  }

  #and(): Expression {
    const operands = [this.#equality()]
    while (this.#takes('keyword', 'AND')) operands.push(this.#equality())
    return and(operands)
  }

  #equality(): Expression {
    let left = this.#comparison()
    for (let links = 0; ; links++) {
      this.#bound(links)
      if (this.#takes('symbol', '=')) left = equal(left, this.#comparison())
      else if (this.#takes('symbol', '<>')) left = not(equal(left, this.#comparison()))
      else if (this.#takes('keyword', 'IS')) {
        const negated = this.#takes('keyword', 'NOT')
        this.#expect('keyword', 'NULL')
        left = negated ? not(isNull(left)) : isNull(left)
      } else return left
    }
  }

  #comparison(): Expression {
    let left = this.#unary()
    for (let links = 0; ; links++) {
      this.#bound(links)
      const { kind, text } = this.#token
      if (kind === 'symbol' && (text === '<' || text === '<=' || text === '>' || text === '>=')) {
        this.#at++
        left = ordered(left, text as Order, this.#unary())
        continue
      }
      const negated = this.#takes('keyword', 'NOT')
      const test = this.#token.kind === 'keyword' ? this.#token.text : ''
      if (test === 'BETWEEN') left = this.#between(left, negated)
      else if (test === 'IN') left = oneOf(left, this.#list(), negated)
      else if (test === 'CONTAINS' || test === 'STARTSWITH' || test === 'ENDSWITH') {
        this.#at++
        left = textTest(left, test as TextTest, this.#expect('string'), negated)
      } else if (negated) throw this.#unexpected('BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH')
      else return left
    }
  }

  #between(value: Expression, negated: boolean): Expression {
    this.#at++
    const low = this.#unary()
    this.#expect('keyword', 'AND')
    const high = this.#unary()
    return negated ? notBetween(value, low, high) : between(value, low, high)
  }

  #list(): string[] {
    this.#at++
    this.#expect('symbol', '(')
    const texts = [this.#expect('string')]
    while (this.#takes('symbol', ',')) texts.push(this.#expect('string'))
    this.#expect('symbol', ')')
    return texts
  }

  #unary(): Expression {
    this.#bound(++this.#depth)
    const expression = this.#nested()
    this.#depth--
    return expression
  }

  #nested(): Expression {
    if (this.#takes('symbol', '+')) return this.#unary()
    if (this.#takes('symbol', '-')) return negate(this.#unary())
    if (this.#takes('keyword', 'NOT')) return not(this.#unary())
    if (this.#takes('symbol', '(')) {
      const inner = this.#or()
      this.#expect('symbol', ')')
      return inner
    }
    return this.#primary()
  }

  #primary(): Expression {
    const { kind, text } = this.#token
    const expression = literal(kind, text)
    if (expression === undefined) throw this.#unexpected('a property, a number, a text or a bracket')
    this.#at++
    return expression
  }

  #takes(kind: Token['kind'], text: string): boolean {
    const token = this.#token
    if (token.kind !== kind || token.text !== text) return false
    this.#at++
    return true
  }

  #expect(kind: Token['kind'], text?: string): string {
    const token = this.#token
    if (token.kind !== kind || (text !== undefined && token.text !== text)) throw this.#unexpected(text ?? `a ${kind}`)
    this.#at++
    return token.text
  }

  #bound(depth: number): void {
    if (depth > MAX_DEPTH) throw new Sql92SyntaxError(`more than ${MAX_DEPTH} levels within each other`)
  }

  #unexpected(wanted: string): Sql92SyntaxError {
    const { text, at } = this.#token
    return new Sql92SyntaxError(`expected ${wanted} at ${at}, found ${text.slice(0, 64)}`)
  }
}

function literal(kind: Token['kind'], text: string): Expression | undefined {
  switch (kind) {
    case 'id':
      return property(text)
    case 'string':
      return constant(text)
    case 'integer':
      try {
        return constant(integerLiteral(text))
      } catch (error) {
        throw new Sql92SyntaxError((error as Error).message)
      }
    case 'double': {
      const value = Number(text)
      // 0.0 too: Java compares with its smallest positive double.
      if (value < Number.MIN_VALUE || value === Number.POSITIVE_INFINITY)
        throw new Sql92SyntaxError(`${text} is no double above 0`)
      return constant(value)
    }
    case 'keyword':
      if (text === 'TRUE' || text === 'FALSE') return constant(text === 'TRUE')
      return text === 'NULL' ? constant(null) : undefined
    default:
      return undefined
  }
}
