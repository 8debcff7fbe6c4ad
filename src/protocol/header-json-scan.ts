import { isUtf8 } from 'node:buffer'
import type { CommandHeader } from './command-header.ts'
import { type ExtFields, emptyExtFields } from './ext-fields.ts'
import { LanguageCode, languageOrdinal } from './language-code.ts'

/**
 * Reads JSON headers of the shape that RocketMQ's clients and servers write: no white space, known keys, integers, strings, and one flat
 * map of strings. Well ahead of `JSON.parse`, because it compares bytes and guesses the names of the fields from the header before.
 *
 * @returns whether it could; if not, numbers of the command may be set already and the header has to be read in full.
 */
export function scanJsonHeader(command: CommandHeader, bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== OPEN || bytes[end - 1] !== CLOSE) return false
  // One character a byte, so places in the text are places in the bytes; slices of it cost next to nothing.
  text = bytes.toString('latin1', start, end)
  textStart = start
  scannedFields = undefined
  command.version = 0
  command.language = LanguageCode.JAVA
  let at = start + 1
  for (;;) {
    // The first letter tells the keys apart.
    switch (bytes[at + 1]) {
      case 0x63:
        at = matches(bytes, at, CODE) ? scanInt32(bytes, at + CODE.length) : -1
        command.code = scanned
        break
      case 0x65:
        at = matches(bytes, at, EXT_FIELDS) ? scanFields(bytes, at + EXT_FIELDS.length, end) : -1
        break
      case 0x66:
        at = matches(bytes, at, FLAG) ? scanInt32(bytes, at + FLAG.length) : -1
        command.flag = scanned
        break
      case 0x6c:
        at = matches(bytes, at, LANGUAGE) ? scanLanguage(command, bytes, at + LANGUAGE.length, end) : -1
        break
      case 0x6f:
        at = matches(bytes, at, OPAQUE) ? scanInt32(bytes, at + OPAQUE.length) : -1
        command.opaque = scanned
        break
      case 0x73:
        at = matches(bytes, at, SERIALIZE_TYPE) ? at + SERIALIZE_TYPE.length : -1
        break
      case 0x76:
        at = matches(bytes, at, VERSION) ? scanInt32(bytes, at + VERSION.length) : -1
        command.version = scanned
        break
      default:
        return false
    }
    if (at < 0) return false
    const next = bytes[at++]
    if (next === COMMA) continue
    if (next !== CLOSE || at !== end) return false
    if (scannedFields !== undefined) command.extFields = scannedFields
    return true
  }
}

const OPEN = 0x7b
const CLOSE = 0x7d
const COMMA = 0x2c
const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c

const CODE = ascii('"code":')
const EXT_FIELDS = ascii('"extFields":{')
const FLAG = ascii('"flag":')
const LANGUAGE = ascii('"language":"')
const JAVA = ascii('JAVA"')
const OPAQUE = ascii('"opaque":')
const SERIALIZE_TYPE = ascii('"serializeTypeCurrentRPC":"JSON"')
const VERSION = ascii('"version":')

/** The header being read, and where it starts in the bytes. */
let text = ''
let textStart = 0
/** The number that was read last. */
let scanned = 0
/** The map that was read last. */
let scannedFields: ExtFields | undefined

function ascii(characters: string): Uint8Array {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0))
}

function matches(bytes: Buffer, at: number, literal: Uint8Array): boolean {
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false
  return true
}

function scanInt32(bytes: Buffer, start: number): number {
  let at = start
  const negative = bytes[at] === 0x2d
  if (negative) at++
  const digits = at
  let value = 0
  for (let digit = (bytes[at] as number) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - 0x30) {
    value = value * 10 + digit
  }
  // A leading zero is not JSON; an eleventh digit does not fit.
  if (at === digits || at - digits > 10 || (at - digits > 1 && bytes[digits] === 0x30)) return -1
  if (negative) value = -value
  if ((value | 0) !== value) return -1
  scanned = value | 0
  return at
}

function scanLanguage(command: CommandHeader, bytes: Buffer, start: number, limit: number): number {
  if (matches(bytes, start, JAVA)) {
    command.language = LanguageCode.JAVA
    return start + JAVA.length
  }
  const end = plainEnd(bytes, start, limit)
  if (end < 0) return -1
  command.language = languageOrdinal(text.slice(start - textStart, end - textStart))
  return end + 1
}

interface Guess {
  name: string
  /** `"name":"` */
  quoted: Uint8Array
}

/** Field names of the header before, in their order. */
const guesses: Guess[] = []
/** Most names that are remembered, and the longest. */
const MOST_GUESSES = 32
const LONGEST_GUESS = 64
/** A header with more is left to the reader that has limits for it. */
const MOST_FIELDS = 1024

function scanFields(bytes: Buffer, start: number, limit: number): number {
  const fields = emptyExtFields()
  scannedFields = fields
  let at = start
  if (bytes[at] === CLOSE) return at + 1
  for (let i = 0; i < MOST_FIELDS; i++) {
    const guess = guesses[i]
    if (guess !== undefined && matches(bytes, at, guess.quoted)) {
      at = scanValue(fields, guess.name, bytes, at + guess.quoted.length, limit)
    } else {
      const end = bytes[at] === QUOTE ? plainEnd(bytes, at + 1, limit) : -1
      if (end < 0 || bytes[end + 1] !== COLON || bytes[end + 2] !== QUOTE) return -1
      const name = text.slice(at + 1 - textStart, end - textStart)
      if (i < MOST_GUESSES && name.length <= LONGEST_GUESS) guesses[i] = { name, quoted: ascii(`"${name}":"`) }
      at = scanValue(fields, name, bytes, end + 3, limit)
    }
    if (at < 0) return -1
    const next = bytes[at++]
    if (next === COMMA) continue
    return next === CLOSE ? at : -1
  }
  return -1
}

/** Place of the quote that ends a string of plain ASCII characters; -1 for any other. */
function plainEnd(bytes: Buffer, start: number, limit: number): number {
  for (let at = start; at < limit; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) return at
    if (byte === BACKSLASH || byte < 0x20 || byte > 0x7e) return -1
  }
  return -1
}

/** Reads the string that starts at `start`; returns the place behind its closing quote. */
function scanValue(fields: ExtFields, name: string, bytes: Buffer, start: number, limit: number): number {
  const plain = plainEnd(bytes, start, limit)
  if (plain >= 0) {
    fields[name] = text.slice(start - textStart, plain - textStart)
    return plain + 1
  }
  let end = start
  while (end < limit && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1
  if (end >= limit) return -1
  const unescaped = unescapeAscii(bytes, start, end)
  if (unescaped !== undefined) {
    fields[name] = unescaped
    return end + 1
  }
  // Bytes that are no UTF-8 are refused by the reader that says so.
  if (!isUtf8(bytes.subarray(start, end))) return -1
  try {
    fields[name] = JSON.parse(bytes.toString('utf8', start - 1, end + 1))
  } catch {
    return -1
  }
  return end + 1
}

const scratch = Buffer.alloc(4096)

/** Text that is ASCII but for escapes like those of the property separators; undefined for everything else. */
function unescapeAscii(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start > scratch.length) return undefined
  let to = 0
  for (let at = start; at < end; at++) {
    let byte = bytes[at] as number
    if (byte < 0x20 || byte > 0x7e) return undefined
    if (byte === BACKSLASH) {
      // Only \u000x and \u001x: what else is escaped is rare.
      if (end - at < 6 || bytes[at + 1] !== 0x75 || bytes[at + 2] !== 0x30 || bytes[at + 3] !== 0x30) return undefined
      const high = (bytes[at + 4] as number) - 0x30
      const low = (bytes[at + 5] as number) - 0x30
      if (high < 0 || high > 1 || low < 0 || low > 9) return undefined
      byte = (high << 4) | low
      at += 5
    }
    scratch[to++] = byte
  }
  return scratch.toString('latin1', 0, to)
}
