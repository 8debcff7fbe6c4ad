import { isUtf8 } from 'node:buffer'
import { RemotingCommandException } from '../internal/errors.ts'
import { jsonExcess } from './json-limits.ts'

/** What {@link parseFastjson} gives; objects have no prototype. */
export type FastjsonValue = string | number | boolean | null | FastjsonValue[] | FastjsonObject
export interface FastjsonObject {
  [name: string]: FastjsonValue
}

/** Deepest nesting that is read. */
const MAX_DEPTH = 64
/** Bodies up to this size are parsed before anybody asks what they hold: they cost next to nothing, bytes (of a text: characters). */
const SHORT = 64 * 1024
/** Most values in the body of a client's request, as of 10,000 subscriptions. */
const REQUEST_VALUES = 100_000
const NOTHING = Buffer.alloc(0)

/**
 * JSON as fastjson 1.x writes it: besides standard JSON, map keys may be bare numbers (`{0:"a"}`) or whole objects
 * (`{{"queueId":0}:5}`). A number key becomes its text, an object key its text as it stands.
 *
 * Integers above 2^53-1 lose their last digits, as in `JSON.parse`: nothing that these bodies hold needs them.
 * @throws RemotingCommandException (`BAD_JSON`)
 */
export function parseFastjson(text: string): FastjsonValue {
  if (text.length > SHORT) checkLimits(Buffer.from(text), Number.POSITIVE_INFINITY)
  return read(text)
}

function read(text: string): FastjsonValue {
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
  const json = bytes === undefined ? NOTHING : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // As Java 5.3 does; names with other letters than were meant would find nothing.
  if (!isUtf8(json)) throw new RemotingCommandException(`${what} is not UTF-8`, { code: 'BAD_JSON' })
  if (json.length > SHORT) checkLimits(json, maxValues)
  const value = read(json.toString('utf8'))
  if (!isObject(value)) throw new RemotingCommandException(`${what} is not a JSON object`, { code: 'BAD_JSON' })
  return value
}

/** {@link parseFastjsonObject} of what a client asks for: what it may hold is limited, see {@link REQUEST_VALUES}. */
export function parseRequestObject(bytes: Uint8Array | undefined, what: string): FastjsonObject {
  return parseFastjsonObject(bytes, what, REQUEST_VALUES)
}

export function isObject(value: FastjsonValue | undefined): value is FastjsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkLimits(bytes: Uint8Array, maxValues: number): void {
  const excess = jsonExcess(bytes, { depth: MAX_DEPTH, values: maxValues })
  if (excess === 'depth') throw tooDeep()
  if (excess === 'values') throw new RemotingCommandException(`JSON holds more than ${maxValues} values`, { code: 'BAD_JSON' })
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
