import { type ExtFields, emptyExtFields } from './ext-fields.ts'

/** The fields of an answer to a send, read without a map. */
export class SendAnswer {
  readonly pattern: SendAnswerPattern
  queueId = 0
  queueOffset = 0
  msgId = ''
  transactionId: string | undefined = undefined

  constructor(pattern: SendAnswerPattern) {
    this.pattern = pattern
  }

  get regionId(): string | undefined {
    return this.pattern.regionId
  }

  get traceOn(): string | undefined {
    return this.pattern.traceOn
  }

  /** All fields as text, for whoever asks for the map. */
  toExtFields(): ExtFields {
    const fields = emptyExtFields()
    for (const name in this.pattern.fields) fields[name] = this.pattern.fields[name] as string
    fields['queueId'] = String(this.queueId)
    fields['queueOffset'] = String(this.queueOffset)
    fields['msgId'] = this.msgId
    if (this.transactionId !== undefined) fields['transactionId'] = this.transactionId
    return fields
  }
}

/** What of a command a pattern fills in. */
export interface AnswerCommand {
  code: number
  flag: number
  language: number
  version: number
  opaque: number
  remark: string | undefined
  extFields: ExtFields
  sendAnswer: SendAnswer | undefined
}

const OPAQUE = 0
const QUEUE_ID = 1
const QUEUE_OFFSET = 2
const MSG_ID = 3
const TRANSACTION_ID = 4

/** How each value that changes begins. Quotes inside JSON text are escaped, so nothing else in a header reads like this. */
const STARTS: ReadonlyArray<readonly [kind: number, text: string]> = [
  [OPAQUE, '"opaque":'],
  [QUEUE_ID, '"queueId":"'],
  [QUEUE_OFFSET, '"queueOffset":"'],
  [MSG_ID, '"msgId":"'],
  [TRANSACTION_ID, '"transactionId":"']
]

const FIXED = new Set(['MSG_REGION', 'TRACE_ON', 'queueId', 'queueOffset', 'msgId', 'transactionId'])

const QUOTE = 0x22

/**
 * A broker's answers to sends are alike but for opaque, queue, offset and ids. The header of one is the pattern for the next: literal bytes
 * with places for these values, so that reading one makes neither a map nor a text per field. Anything that differs is read in full.
 */
export class SendAnswerPattern {
  /** Of the answer it was made from; the values that change are taken from the bytes. */
  readonly fields: ExtFields
  readonly regionId: string | undefined
  readonly traceOn: string | undefined
  readonly #flag: number
  readonly #language: number
  readonly #version: number
  readonly #literals: readonly Uint8Array[]
  /** What stands behind each literal but the last. */
  readonly #kinds: readonly number[]

  private constructor(command: AnswerCommand, literals: Uint8Array[], kinds: number[]) {
    this.fields = command.extFields
    this.regionId = this.fields['MSG_REGION']
    this.traceOn = this.fields['TRACE_ON']
    this.#flag = command.flag
    this.#language = command.language
    this.#version = command.version
    this.#literals = literals
    this.#kinds = kinds
  }

  /** The pattern of a header that was read in full; undefined when it is not an answer to a send, or has more in it. */
  static of(command: AnswerCommand, bytes: Buffer, start: number, end: number): SendAnswerPattern | undefined {
    const { extFields } = command
    if (command.code !== 0 || (command.flag & 1) === 0 || command.remark !== undefined) return undefined
    if (extFields['msgId'] === undefined || extFields['queueId'] === undefined || extFields['queueOffset'] === undefined) {
      return undefined
    }
    for (const name in extFields) if (!FIXED.has(name)) return undefined
    const text = bytes.toString('latin1', start, end)
    // A name that is there twice: the last one counts, which a pattern does not know.
    if (STARTS.some(([, name]) => text.indexOf(name) !== text.lastIndexOf(name))) return undefined
    const places = STARTS.map(([kind, name]) => ({ kind, at: text.indexOf(name), from: text.indexOf(name) + name.length }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at)
    const literals: Uint8Array[] = []
    const kinds: number[] = []
    let from = 0
    for (const place of places) {
      literals.push(Uint8Array.from(Buffer.from(text.slice(from, place.from), 'latin1')))
      kinds.push(place.kind)
      from = place.kind === OPAQUE ? place.from : text.indexOf('"', place.from)
      if (place.kind === OPAQUE) while (isDigit(text.charCodeAt(from))) from++
    }
    literals.push(Uint8Array.from(Buffer.from(text.slice(from), 'latin1')))
    return new SendAnswerPattern(command, literals, kinds)
  }

  /** Reads a header that follows the pattern to its last byte into the command; false, with the command as it was, for any other. */
  read(command: AnswerCommand, bytes: Buffer, start: number, end: number): boolean {
    const literals = this.#literals
    const kinds = this.#kinds
    const last = kinds.length
    let at = start
    let opaque = 0
    let queueId = 0
    let queueOffset = 0
    let msgId = 0
    let msgIdEnd = 0
    let transactionId = 0
    let transactionIdEnd = 0
    for (let i = 0; ; i++) {
      const literal = literals[i] as Uint8Array
      const { length } = literal
      if (at + length > end) return false
      for (let j = 0; j < length; j++) if (bytes[at + j] !== literal[j]) return false
      at += length
      if (i === last) break
      const kind = kinds[i]
      const from = at
      if (kind === MSG_ID || kind === TRANSACTION_ID) {
        while (at < end && isWord(bytes[at] as number)) at++
        if (kind === MSG_ID) {
          msgId = from
          msgIdEnd = at
        } else {
          transactionId = from
          transactionIdEnd = at
        }
      } else {
        let value = 0
        for (let digit = (bytes[at] as number) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - 0x30) {
          value = value * 10 + digit
        }
        // More digits than a number holds exactly, none, or a leading zero: not for this reader.
        if (at === from || at - from > 15 || (bytes[from] === 0x30 && at - from > 1)) return false
        if (kind === QUEUE_OFFSET) queueOffset = value
        else {
          if ((value | 0) !== value) return false
          if (kind === QUEUE_ID) queueId = value
          else opaque = value
        }
      }
    }
    if (at !== end) return false
    const answer = new SendAnswer(this)
    answer.queueId = queueId
    answer.queueOffset = queueOffset
    answer.msgId = bytes.toString('latin1', msgId, msgIdEnd)
    if (transactionId > 0) answer.transactionId = bytes.toString('latin1', transactionId, transactionIdEnd)
    command.code = 0
    command.flag = this.#flag
    command.language = this.#language
    command.version = this.#version
    command.opaque = opaque
    command.sendAnswer = answer
    return true
  }
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}

/** Printable ASCII that JSON does not escape. */
function isWord(byte: number): boolean {
  return byte !== QUOTE && byte !== 0x5c && byte >= 0x20 && byte <= 0x7e
}

/** Patterns of the brokers that answered last: they differ in region and version only. */
const patterns: SendAnswerPattern[] = []
const MOST_PATTERNS = 4

/** Whether the header followed a pattern and is read. */
export function readSendAnswer(command: AnswerCommand, bytes: Buffer, start: number, end: number): boolean {
  for (const pattern of patterns) if (pattern.read(command, bytes, start, end)) return true
  return false
}

/** Remembers the shape of a header that no pattern fitted. */
export function learnSendAnswer(command: AnswerCommand, bytes: Buffer, start: number, end: number): void {
  const pattern = SendAnswerPattern.of(command, bytes, start, end)
  if (pattern === undefined) return
  patterns.unshift(pattern)
  if (patterns.length > MOST_PATTERNS) patterns.pop()
}
