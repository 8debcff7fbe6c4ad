import { isUtf8 } from 'node:buffer'
import { RemotingCommandException } from '../internal/errors.ts'

/** What {@link parseFastjson} gives; objects have no prototype. */
export type FastjsonValue = string | number | boolean | null | FastjsonValue[] | FastjsonObject
export interface FastjsonObject {
  [name: string]: FastjsonValue
}

/** Deepest nesting that is read. */
const MAX_DEPTH = 64
/** Shorter texts are parsed before anybody asks how deep they are: they cost next to nothing whatever they hold, characters. */
const SHORT = 64 * 1024
/** Most values in the body of a client's request, as of 10,000 subscriptions. */
const REQUEST_VALUES = 100_000

/**
 * JSON as fastjson 1.x writes it: besides standard JSON, map keys may be bare numbers (`{0:"a"}`) or whole objects
 * (`{{"queueId":0}:5}`). A number key becomes its text, an object key its text as it stands.
 *
 * Integers above 2^53-1 lose their last digits, as in `JSON.parse`: nothing that these bodies hold needs them.
 * @param maxValues most values of objects and arrays in all
 * @throws RemotingCommandException (`BAD_JSON`)
 */
export function parseFastjson(text: string, maxValues = Number.POSITIVE_INFINITY): FastjsonValue {
  if (text.length > SHORT) checkShape(text, maxValues)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return new Parser(text).parse()
  }
  return bare(value, 0)
}

/**
 * {@link parseFastjson} of a body that has to be an object.
 * @param what for the error
 * @param maxValues most values of objects and arrays in all
 */
export function parseFastjsonObject(
  bytes: Uint8Array | undefined,
  what: string,
  maxValues = Number.POSITIVE_INFINITY
): FastjsonObject {
  // As Java 5.3 does; names with other letters than were meant would find nothing.
  if (bytes !== undefined && !isUtf8(bytes)) throw new RemotingCommandException(`${what} is not UTF-8`, { code: 'BAD_JSON' })
  const text = bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const value = parseFastjson(text, maxValues)
  if (!isObject(value)) throw new RemotingCommandException(`${what} is not a JSON object`, { code: 'BAD_JSON' })
  return value
}

/** {@link parseFastjsonObject} of what a client asks for: what it may hold is limited, see {@link checkShape}. */
export function parseRequestObject(bytes: Uint8Array | undefined, what: string): FastjsonObject {
  return parseFastjsonObject(bytes, what, REQUEST_VALUES)
}

export function isObject(value: FastjsonValue | undefined): value is FastjsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Looks at nesting and number of values before anything is made of them: 16 MiB of brackets, or of names, take `JSON.parse` seconds in
 * which nobody is served.
 */
function checkShape(text: string, maxValues: number): void {
  let depth = 0
  let values = 1
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at)
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_DEPTH) throw tooDeep()
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
        break
      case 0x2c: // ,
        if (++values > maxValues) {
          throw new RemotingCommandException(`JSON holds more than ${maxValues} values`, { code: 'BAD_JSON' })
        }
    }
  }
}

/** Where a string ends that begins at `at`; the end of the text when it does not. */
function endOfString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    const character = text.charCodeAt(end)
    if (character === 0x22) return end
    if (character === 0x5c) end++
  }
  return text.length
}

/** Takes the prototypes off. */
function bare(value: unknown, depth: number): FastjsonValue {
  if (typeof value !== 'object' || value === null) return value as FastjsonValue
  if (depth === MAX_DEPTH) throw tooDeep()
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (typeof value[i] === 'object') bare(value[i], depth + 1)
    return value
  }
  Object.setPrototypeOf(value, null)
  const record = value as FastjsonObject
  for (const name in record) if (typeof record[name] === 'object') bare(record[name], depth + 1)
  return record
}

const SPACE = /[ \t\r\n]*/y
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters have to be escaped in JSON
const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): FastjsonValue {
    const value = this.#value(0)
    this.#skip()
    if (this.#at < this.#text.length) throw this.#bad()
    return value
  }

  #value(depth: number): FastjsonValue {
    if (depth === MAX_DEPTH) throw tooDeep()
    this.#skip()
    const first = this.#text[this.#at]
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#array(depth)
    return first === '"' ? this.#string() : (JSON.parse(this.#take(SCALAR)) as FastjsonValue)
  }

  #object(depth: number): FastjsonObject {
    const object: FastjsonObject = Object.create(null)
    this.#at++
    if (this.#next('}')) return object
    do {
      const name = this.#key(depth)
      this.#expect(':')
      object[name] = this.#value(depth + 1)
    } while (this.#next(','))
    this.#expect('}')
    return object
  }

  #key(depth: number): string {
    this.#skip()
    const first = this.#text[this.#at]
    if (first === '"') return this.#string()
    const start = this.#at
    if (first === '{' || first === '[') this.#value(depth + 1)
    else this.#take(SCALAR)
    return this.#text.slice(start, this.#at)
  }

  #array(depth: number): FastjsonValue[] {
    const array: FastjsonValue[] = []
    this.#at++
    if (this.#next(']')) return array
    do array.push(this.#value(depth + 1))
    while (this.#next(','))
    this.#expect(']')
    return array
  }

  #string(): string {
    const quoted = this.#take(STRING)
    try {
      return JSON.parse(quoted)
    } catch {
      throw this.#bad()
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) throw this.#bad()
    this.#at = pattern.lastIndex
    return found[0]
  }

  #skip(): void {
    SPACE.lastIndex = this.#at
    SPACE.exec(this.#text)
    this.#at = SPACE.lastIndex
  }

  #next(character: string): boolean {
    this.#skip()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#next(character)) throw this.#bad()
  }

  #bad(): RemotingCommandException {
    return new RemotingCommandException(`not JSON at character ${this.#at}`, { code: 'BAD_JSON' })
  }
}

function tooDeep(): RemotingCommandException {
  return new RemotingCommandException(`JSON is nested deeper than ${MAX_DEPTH}`, { code: 'BAD_JSON' })
}
