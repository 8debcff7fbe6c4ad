/*
 * Tokens of RocketMQ's SelectorParser. Words are read whatever their case.
 *
 *   keyword  := NOT AND OR BETWEEN IN TRUE FALSE NULL IS CONTAINS STARTSWITH ENDSWITH
 *   integer  := "0" | [1-9][0-9]* [lL]?
 *   double   := digits "." digits? exponent? | "." digits exponent? | digits exponent
 *   string   := "'" (any but "'" | "''")* "'"
 *   id       := [a-zA-Z_$][a-zA-Z0-9_$]*
 *   between them: blanks, "--" to the end of its line, C comments
 */

export type TokenKind = 'keyword' | 'integer' | 'double' | 'string' | 'id' | 'symbol' | 'end'

export interface Token {
  kind: TokenKind
  /** Keywords in capitals, strings without their quotes. */
  text: string
  at: number
}

/** An expression that cannot be read; the message says where and why. */
export class Sql92SyntaxError extends Error {
  override readonly name = 'Sql92SyntaxError'
}

const KEYWORDS = new Set('NOT AND OR BETWEEN IN TRUE FALSE NULL IS CONTAINS STARTSWITH ENDSWITH'.split(' '))
const BLANKS = /[ \t\n\r\f]+/y
const LINE_COMMENT = /--[^\n\r]*[\n\r]/y
const WORD = /[a-zA-Z_$][a-zA-Z0-9_$]*/y
const DOUBLE = /\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+/y
const INTEGER = /0|[1-9]\d*[lL]?/y
const SYMBOL = /<>|<=|>=|[=<>(),+-]/y

/** @throws Sql92SyntaxError */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < sql.length) {
    const skipped = skip(sql, at)
    if (skipped > at) {
      at = skipped
      continue
    }
    const token = next(sql, at)
    tokens.push(token.token)
    at = token.end
  }
  tokens.push({ kind: 'end', text: 'the end', at })
  return tokens
}

function skip(sql: string, at: number): number {
  const length = matched(BLANKS, sql, at) || matched(LINE_COMMENT, sql, at)
  if (length > 0 || !sql.startsWith('/*', at)) return at + length
  const end = sql.indexOf('*/', at + 2)
  if (end < 0) throw new Sql92SyntaxError(`the comment at ${at} does not end`)
  return end + 2
}

function next(sql: string, at: number): { token: Token; end: number } {
  if (sql[at] === "'") return stringAt(sql, at)
  const make = (kind: TokenKind, length: number, text = sql.slice(at, at + length)) => ({
    token: { kind, text, at },
    end: at + length
  })
  const word = matched(WORD, sql, at)
  if (word > 0) {
    const capitals = sql.slice(at, at + word).toUpperCase()
    return KEYWORDS.has(capitals) ? make('keyword', word, capitals) : make('id', word)
  }
  const double = matched(DOUBLE, sql, at)
  if (double > 0) return make('double', double)
  const integer = matched(INTEGER, sql, at)
  if (integer > 0) return make('integer', integer)
  const symbol = matched(SYMBOL, sql, at)
  if (symbol > 0) return make('symbol', symbol)
  throw new Sql92SyntaxError(`unexpected character at ${at}: ${JSON.stringify(sql[at])}`)
}

function stringAt(sql: string, at: number): { token: Token; end: number } {
  let from = at + 1
  for (;;) {
    const quote = sql.indexOf("'", from)
    if (quote < 0) throw new Sql92SyntaxError(`the text at ${at} does not end`)
    if (sql[quote + 1] !== "'") {
      const text = sql.slice(at + 1, quote).replaceAll("''", "'")
      return { token: { kind: 'string', text, at }, end: quote + 1 }
    }
    from = quote + 2
  }
}

function matched(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(sql) ? pattern.lastIndex - at : 0
}
