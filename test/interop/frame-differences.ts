import { frameOf } from './frame-mutations.ts'
import type { Difference, FrameHeader } from './frame-outcomes.ts'

/** A difference between Java's decoder and ours that is meant. */
export interface Rule {
  name: string
  java: string
  here: string
  reason: string
  /** Where only some of the versions differ. */
  versions?: string[]
  /** A connection's bytes that show it. */
  example: Buffer
  matches(difference: Difference, header: FrameHeader): boolean
}

/** 4.x reads the header of a send in the broker, which is not compared. */
const V5 = ['5.3.3']
const SINCE_4_9 = ['5.3.3', '4.9.8']
const V4 = ['4.9.8', '4.7.1']

/** Also listed for readers: `docs/compatibility.md`, "Frames that no client writes"; `documentation.test.ts` compares. */
export const RULES: Rule[] = [
  {
    name: 'words of lengths',
    java: 'looked at when the whole frame is there',
    here: 'looked at at once: a frame or header too short, a header too long or of an unknown kind is refused',
    reason: 'nothing is kept for a frame that will be refused',
    example: Buffer.from('000000640200000a', 'hex'),
    matches: ({ what, here }) =>
      what === 'refused early' && /bad frame: (frame length|header length|serialization type)/.test(String(here))
  },
  {
    name: 'fields without a value',
    java: 'there, and null',
    here: 'absent',
    reason: 'both mean that nothing was given',
    example: json('{"code":105,"extFields":{"topic":null},"opaque":1}'),
    matches: ({ what, java, here }) => what.startsWith('extFields.') && java === null && here === undefined
  },
  {
    name: 'halves of surrogate pairs in UTF-8',
    java: 'each is one U+FFFD',
    here: 'each is three',
    reason: "the two platforms' decoders; neither text is what was meant",
    example: binary({ fields: [['topic', Buffer.from('eda080', 'hex')]] }),
    matches: ({ what, java, here }, { json, bytes }) =>
      !json && hasSurrogates(bytes) && (/^extFields\..*\ufffd/.test(what) || differInReplacements(java, here))
  },
  // JSON
  {
    name: 'headers that are no JSON',
    java: 'comments, single quotes, bare names, surplus commas, leading zeros, `+1`, `10L`, `NaN`, `undefined`, `new Date(1)`, raw control characters, `\\x41`, a byte order mark are read',
    here: 'refused',
    reason: 'no client writes them, and what two readers guess need not be the same',
    example: json(`{code:105,'extFields':{"topic":'T',},/* c */"opaque":01}`),
    matches: ({ what, here }, { json, value }) =>
      json && value === undefined && what === 'refused here' && here === 'the JSON header is not valid JSON'
  },
  {
    name: 'names in another spelling',
    java: '`Opaque`, `op_aque` and `op-aque` are `opaque`',
    here: 'unknown names, passed over',
    reason: 'a field with several names is a way around whoever checks the one',
    example: json('{"code":105,"op_aque":1}'),
    matches: ({ what, java }, { value }) => {
      const taken = value === undefined ? new Set() : misspelled(value)
      return taken.has(root(what)) || (taken.size > 0 && what === 'refused by Java' && CONVERSION.test(String(java)))
    }
  },
  {
    name: 'names that are there twice',
    java: 'the first or the last counts, as the order happens to be',
    here: 'the last counts',
    reason: '`JSON.parse` does so; no client writes them',
    example: json('{"code":105,"extFields":{},"flag":0,"language":"JAVA","opaque":1,"opaque":2}'),
    matches: ({ what, java }, { value, text }) => {
      const twice = value === undefined ? new Set() : repeated(text)
      return (
        twice.has(what) ||
        twice.has(root(what)) ||
        (twice.size > 0 && what === 'refused by Java' && CONVERSION.test(String(java)))
      )
    }
  },
  {
    name: '`opaque` missing',
    java: "the next number of the reader's own",
    here: '0',
    reason: 'nobody waits for an answer with an invented number',
    example: json('{"code":105}'),
    matches: ({ what, here }, { value }) =>
      what === 'opaque' && value !== undefined && (value.opaque ?? undefined) === undefined && here === 0
  },
  {
    name: '`language` in another spelling',
    java: 'case does not matter',
    here: 'none is known then',
    reason: 'it is only shown',
    example: json('{"code":105,"language":"java","opaque":1}'),
    matches: ({ what, here }, { value }) => what === 'language' && typeof value?.language === 'string' && here === null
  },
  {
    name: '`language` and `serializeTypeCurrentRPC` of another kind',
    java: 'an unknown number, a fraction, an object: refused',
    here: 'an unknown language; the serialization is what the frame says',
    reason: 'nothing depends on them',
    example: json('{"code":105,"language":14,"opaque":1}'),
    matches: ({ what, java }, { value }) =>
      what === 'refused by Java' &&
      [value?.language, value?.serializeTypeCurrentRPC].some((kind) => kind !== undefined && typeof kind !== 'string') &&
      CONVERSION.test(String(java))
  },
  {
    name: 'values of another kind',
    java: 'numbers may be fractions, truth values, `""`, `"null"`, `"1,000"`, `"10.0"`; `extFields` an empty text at the end',
    here: 'refused; a text of digits is a number',
    reason: 'half a request code is none',
    example: json('{"code":10.5,"opaque":1}'),
    matches: ({ what, here }, { value }) =>
      what === 'refused here' &&
      value !== undefined &&
      /^header field (code|opaque|flag|version|extFields) is not (a 32-bit integer|an object)$/.test(String(here))
  },
  {
    name: 'numbers in `extFields` and `remark`',
    java: 'the text keeps all digits: `1.50`, `-0`, `1E+3`, 2^64',
    here: 'the text is that of the JavaScript number',
    reason: 'ali-ons is what sends numbers, whole ones below 2^53, which are the same',
    example: json('{"code":105,"extFields":{"topic":1.50},"opaque":1}'),
    matches: ({ what, java, here }, { json }) => json && isText(what) && sameNumbers(java, here)
  },
  {
    name: 'objects in `extFields` and `remark`',
    java: 'their text, with the names in the order of a hash table',
    here: 'their text',
    reason: 'no client sends them',
    example: json('{"code":105,"extFields":{"topic":{"b":1,"a":2}},"opaque":1}'),
    matches: ({ what, java, here }, { json }) => json && isText(what) && sameObjects(java, here)
  },
  {
    name: '`@type` and `$ref`',
    java: 'a Java class, which may be refused; another part of the header',
    here: 'names like any other',
    reason: 'a peer is not to choose classes',
    example: json('{"code":105,"extFields":{"@type":"java.util.HashMap"},"opaque":1}'),
    matches: ({ what }, { value, text }) =>
      value !== undefined && /"(@type|\$ref)"/.test(text) && (isText(what) || what === 'refused by Java')
  },
  // ROCKETMQ
  {
    name: 'length of the map below zero',
    java: 'there is no map',
    here: 'refused',
    reason: 'a length that lies is refused',
    example: binary({ mapLength: -1 }),
    matches: ({ what, here }, { json }) => !json && what === 'refused here' && /extFields length -\d+ passes/.test(String(here))
  },
  {
    name: 'lengths that pass the map',
    versions: SINCE_4_9,
    java: 'a field takes what stands behind it: the rest of the header, the body',
    here: 'refused',
    reason: 'the same',
    example: binary({ fields: [['topic', 'T']], mapLength: 11, tail: Buffer.alloc(4) }),
    matches: ({ what, here }, { json }) =>
      !json && what === 'refused here' && /(extFields|key|value) length \d+ passes|a key length passes/.test(String(here))
  },
  {
    name: 'bytes between map and body',
    versions: SINCE_4_9,
    java: 'the body begins with them, and ends as many bytes early',
    here: 'passed over: the body is where the frame says',
    reason: 'a body with other bytes would be stored',
    example: binary({ tail: Buffer.from('tail'), body: Buffer.from('body') }),
    matches: ({ what }, { json, bytes }) => !json && what === 'bodyCRC' && bytesBehindMap(bytes) > 0
  },
  {
    name: 'fields without a name',
    versions: SINCE_4_9,
    java: 'kept under null',
    here: 'passed over',
    reason: 'nobody can ask for them',
    example: binary({ fields: [['', 'x']] }),
    matches: ({ what, here }, { json }) => !json && what === 'extFields.null' && here === undefined
  },
  // The header of a send
  {
    name: 'sends without a needed field',
    versions: V5,
    java: 'null, on which the handler fails',
    here: 'refused by the name of the field',
    reason: 'code 1 on both sides; a remark that says what is missing',
    example: json('{"code":310,"extFields":{"a":"G"},"opaque":1}'),
    matches: ({ what, here }) => what === 'send refused here' && /is missing$/.test(String(here))
  },
  {
    name: 'sends without another field',
    versions: V5,
    java: 'null',
    here: 'the empty text, false, 0, and 4 queues for a new topic',
    reason: 'what the handlers of a live broker make of it',
    example: json('{"code":310,"extFields":{"b":"T","e":"0","f":"0","g":"1","h":"0"},"opaque":1}'),
    matches: ({ what, java, here }) =>
      what.startsWith('send.') && java === undefined && ['', false, 0, 4].includes(here as string)
  },
  {
    name: 'sends with digits of another script',
    versions: V5,
    java: 'a digit is a digit: `٣`',
    here: 'refused',
    reason: 'no client writes them',
    example: json('{"code":310,"extFields":{"b":"T","e":"\u0663","f":"0","g":"1","h":"0"},"opaque":1}'),
    matches: ({ what, here }) =>
      what === 'send refused here' && /is not an? .*integer.*\p{Nd}/u.test(String(here).replace(/[0-9]/g, ''))
  },
  {
    name: 'sends in JSON with an empty text for a number',
    versions: V5,
    java: 'refused where the names have one letter',
    here: 'absent',
    reason: 'it is so in a binary header',
    example: json('{"code":310,"extFields":{"b":"T","d":"","e":"0","f":"0","g":"1","h":"0"},"opaque":1}'),
    matches: ({ what, java }, { json }) => json && what === 'send refused by Java' && /For input string: ""/.test(String(java))
  },
  {
    name: 'sends with full names whose numbers are none',
    versions: V5,
    java: 'null, and a line in the log',
    here: 'refused by the name of the field',
    reason: 'as with one-letter names, on both sides',
    example: json('{"code":10,"extFields":{"topic":"T","queueId":"0","sysFlag":"0","bornTimestamp":"1","flag":"x"},"opaque":1}'),
    matches: ({ what, here }) => what === 'send refused here' && /field \w{2,} is not a/.test(String(here))
  },
  {
    name: 'sends with a field twice',
    versions: V5,
    java: 'only the last one has to be a number',
    here: 'each of them',
    reason: 'no client writes them',
    example: binary({
      code: 310,
      fields: ['bT', 'e0', 'f0', 'g1', 'hx', 'h0'].map(([name, value]) => [name ?? '', value ?? ''])
    }),
    matches: ({ what, here }, { json, bytes }) =>
      !json && what === 'send refused here' && /is not a/.test(String(here)) && repeatedBinary(bytes)
  },
  // Where 4.x is not as 5.3.3
  {
    name: '4.x: JSON headers that are not UTF-8',
    versions: V4,
    java: 'read, with U+FFFD for what is no character',
    here: 'refused, as by 5.3.3',
    reason: 'a topic with other letters than were meant',
    example: frameOf(Buffer.from('{"code":105,"remark":"\u00ff","opaque":1}', 'latin1'), 0),
    matches: ({ what, here }) => what === 'refused here' && here === 'the JSON header is not UTF-8'
  },
  {
    name: '4.x: newer languages',
    versions: V4,
    java: '`NODE_JS` and, in 4.7, `RUST` are not known',
    here: 'known, as in 5.3.3',
    reason: 'the newest list',
    example: json('{"code":105,"language":"NODE_JS","opaque":1}'),
    matches: ({ what, java, here }) => what === 'language' && java === null && (here === 'NODE_JS' || here === 'RUST')
  },
  {
    name: '4.7: binary lengths of zero and below',
    versions: ['4.7.1'],
    java: 'names and values of length 0 are the empty text; a remark of a length below 0 is none',
    here: 'absent; refused; as in 5.3.3',
    reason: 'the newest form',
    example: binary({ fields: [['topic', '']] }),
    matches: ({ what, java, here }, { json }) =>
      !json &&
      (((what === 'extFields.' || java === '') && here === undefined) ||
        (what === 'refused here' && /remark length -\d+ passes/.test(String(here))))
  }
]

/** What fastjson says of a value that it cannot make a number, an enumeration or a map of. */
const CONVERSION = /parse enum|^-?\d+$|parseInt error|ordinal|syntax error|cannot be cast|set property error/

function json(header: string): Buffer {
  return frameOf(Buffer.from(header), 0)
}

interface BinaryHeader {
  code?: number
  fields?: Array<[name: string, value: string | Buffer]>
  mapLength?: number
  tail?: Buffer
  body?: Buffer
}

function binary({ code = 105, fields = [], mapLength, tail = Buffer.alloc(0), body }: BinaryHeader): Buffer {
  const map = fields.map(([name, value]) => {
    const [key, bytes] = [Buffer.from(name), Buffer.from(value as string)]
    const entry = Buffer.alloc(6 + key.length)
    entry.writeInt16BE(key.length, 0)
    entry.set(key, 2)
    entry.writeInt32BE(bytes.length, 2 + key.length)
    return Buffer.concat([entry, bytes])
  })
  const fixed = Buffer.alloc(21)
  fixed.writeInt16BE(code, 0)
  fixed.writeInt32BE(mapLength ?? Buffer.concat(map).length, 17)
  return frameOf(Buffer.concat([fixed, ...map, tail]), 1, body)
}

/** `extFields.a` belongs to what was read as `extFields`. */
function root(what: string): string {
  return what.split('.')[0] as string
}

const isText = (what: string): boolean => what === 'remark' || what.startsWith('extFields.')

const NAMES = ['code', 'language', 'version', 'opaque', 'flag', 'remark', 'extFields', 'serializeTypeCurrentRPC']

const folded = (name: string): string => name.toLowerCase().replace(/[_-]/g, '')

/** Fields that Java takes a name of this object for, though it is another. */
function misspelled(value: Record<string, unknown>): Set<string> {
  const names = Object.keys(value)
    .filter((name) => !NAMES.includes(name))
    .map(folded)
  return new Set(NAMES.filter((known) => names.includes(folded(known))))
}

/** Names that a JSON header has twice: `opaque`, `extFields.a`. */
function repeated(text: string): Set<string> {
  const found = new Set<string>()
  const seen = new Set<string>()
  const path: string[] = []
  let last = ''
  let depth = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (token !== ':') last = token
    else {
      path.length = depth - 1
      path.push(JSON.parse(last))
      const whole = path.join('.')
      if (seen.has(whole)) found.add(whole)
      seen.add(whole)
    }
  }
  return found
}

/** Whether a name stands twice in the map of a binary header whose lengths are right. */
function repeatedBinary(header: Buffer): boolean {
  const seen = new Set<string>()
  let at = 21 + header.readInt32BE(13)
  while (at + 6 <= header.length) {
    const keyEnd = at + 2 + header.readInt16BE(at)
    const name = header.toString('latin1', at + 2, keyEnd)
    if (seen.has(name)) return true
    seen.add(name)
    at = keyEnd + 4 + header.readInt32BE(keyEnd)
  }
  return false
}

/** Half a surrogate pair in UTF-8: ED, then A0 to BF. */
function hasSurrogates(bytes: Buffer): boolean {
  return bytes.some((byte, at) => byte === 0xed && (bytes[at + 1] ?? 0) >= 0xa0)
}

function differInReplacements(java: unknown, here: unknown): boolean {
  if (typeof java !== 'string' || typeof here !== 'string') return false
  return java.replaceAll('\ufffd', '') === here.replaceAll('\ufffd', '')
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|null|Infinity/g

/** Texts that are the same but for how they write their numbers; one beyond all bounds is Infinity, in JSON null. */
function sameNumbers(java: unknown, here: unknown): boolean {
  if (typeof java !== 'string' || typeof here !== 'string') return false
  const numbers = (text: string): number[] =>
    (text.match(NUMBER) ?? []).map((digits) => Math.abs(Number(digits === 'null' ? 'Infinity' : digits)))
  const theirs = numbers(java)
  const ours = numbers(here)
  return (
    theirs.length > 0 && java.replace(NUMBER, '#') === here.replace(NUMBER, '#') && theirs.every((value, i) => value === ours[i])
  )
}

function sameObjects(java: unknown, here: unknown): boolean {
  if (typeof java !== 'string' || typeof here !== 'string' || !/^[{[]/.test(here)) return false
  return [...java].sort().join('') === [...here].sort().join('')
}

/** Bytes of a binary header that neither remark nor map take. */
function bytesBehindMap(header: Buffer): number {
  if (header.length < 21) return 0
  const at = 17 + header.readInt32BE(13)
  return at < 17 || at + 4 > header.length ? 0 : header.length - at - 4 - Math.max(0, header.readInt32BE(at))
}
