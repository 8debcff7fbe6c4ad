/** Mutated frames for `frames.interop.ts`: bytes, JSON headers, binary headers. Everything comes from one generator of numbers, so a seed repeats it. */
import { below, EDGES, fitted, mutatedBytes, pick, type Random } from '../support/mutated-bytes.ts'

/** A recorded frame, changed one to three times in one of the ways below. */
export function mutatedFrame(frames: readonly Buffer[], random: Random): Buffer {
  const frame = pick(random, frames)
  const json = frame[4] === 0
  switch (below(random, 8)) {
    case 0:
      return Buffer.from(frame)
    case 1:
    case 2:
      return random() < 0.5 ? fitted(mutatedBytes(frame, frames, random)) : mutatedBytes(frame, frames, random)
    case 3:
      return mutatedLengths(frame, random)
    default:
      return json ? mutatedJson(frame, random) : mutatedBinary(frame, random)
  }
}

/** One of the two length words, or the type of the header. */
function mutatedLengths(frame: Buffer, random: Random): Buffer {
  const bytes = Buffer.concat([frame, frame])
  const step = pick(random, [1, -1, 2, -2, 4, -4, 8, 21, 100])
  const word = bytes.readInt32BE(4)
  switch (below(random, 5)) {
    case 0:
      bytes.writeInt32BE(pick(random, [...EDGES, 16_777_211, 16_777_212, 16_777_213, 16_777_216, 3, 5, 0x16030100]), 0)
      break
    case 1:
      bytes.writeInt32BE(bytes.readInt32BE(0) + step, 0)
      break
    case 2:
      bytes.writeInt32BE((word & 0xff000000) | ((word + step) & 0xffffff), 4)
      break
    case 3:
      bytes.writeInt32BE((word & 0xff000000) | (pick(random, EDGES) & 0xffffff), 4)
      break
    default:
      bytes[4] = pick(random, [0, 1, 2, 3, 0x7f, 0x80, 0xff, below(random, 256)])
  }
  return bytes
}

/** The frame with another header, both length words right. */
function withHeader(frame: Buffer, header: Buffer, type: number): Buffer {
  return frameOf(header, type, frame.subarray(8 + (frame.readInt32BE(4) & 0xffffff)))
}

/** @param type 0 JSON, 1 ROCKETMQ. */
export function frameOf(header: Buffer, type: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const words = Buffer.alloc(8)
  words.writeInt32BE(4 + header.length + body.length, 0)
  words.writeUInt32BE(((type << 24) | header.length) >>> 0, 4)
  return Buffer.concat([words, header, body])
}

const headerOf = (frame: Buffer): Buffer => frame.subarray(8, 8 + (frame.readInt32BE(4) & 0xffffff))

// JSON

const TOKEN = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[a-zA-Z]+|\s+|[^\s]/g

const VALUES = [
  ...['null', 'true', 'false', 'undefined', 'NaN', 'Infinity', '-Infinity', 'True', 'NULL', 'x', ''],
  ...['0', '1', '-1', '-0', '007', '+5', '0x10', '10.0', '10.5', '1e3', '1E400', '1e-3', '.5', '5.', '--5', '1_0'],
  ...['2147483647', '2147483648', '-2147483648', '-2147483649', '4294967296', '9223372036854775807', '9223372036854775808'],
  ...['99999999999999999999999999', '0.1', '0.10', '1e21', '12345678.9', '10L', '10S', '10B', '10F', '10D', '300B'],
  ...[
    '"10"',
    '"-1"',
    '"+5"',
    '" 10 "',
    '"1e3"',
    '"10.0"',
    '"10.5"',
    '"0x10"',
    '"1,000"',
    '"null"',
    '"true"',
    '""',
    '" "',
    '"2147483648"'
  ],
  ...['"JAVA"', '"java"', '"Go"', '"NODE_JS"', '"NODEJS"', '"ROCKETMQ"', '9', '13', '14'],
  ...['{}', '[]', '[1,2]', '{"a":1}', '{"a":{"b":[null,"x"]}}', '[{"a":1.50}]', '{"b":1,"a":2}', '[[[[]]]]', '{ "a" : "b" }'],
  ...["'x'", "'10'", "{'a':1}", '{a:1}', '{1:2}', '{{"a":1}:2}', 'new Date(1)', 'Set[1]', 'TreeSet[]', "x'0aff'", '{"$ref":"$"}'],
  ...[
    '{"@type":"java.util.HashMap"}',
    '{"@type":"java.lang.Object"}',
    '"\\u0041\\n"',
    '"\\x41"',
    '"\\0"',
    '"\\101"',
    "'\\''",
    '"\\v"',
    '"\\F"',
    '"\\q"'
  ],
  ...[
    '"\\ud800"',
    '"\\udc00x"',
    '"\\ud83d\\ude00"',
    '"\\u00"',
    '"\\u0g00"',
    '"\\/"',
    '"\u00e9\u4e2d"',
    '"\ud83d\ude00"',
    '"a\tb"',
    '"a\nb"',
    '"a\u0000b"',
    '"a\u001ab"'
  ]
]

const MEMBERS = [
  ...[
    '"suspended":true',
    '"body":"AAEC"',
    '"customHeader":{}',
    '"customHeader":null',
    '"type":"RESPONSE_COMMAND"',
    '"onewayRPC":true'
  ],
  ...[
    '"responseType":true',
    '"serializeTypeCurrentRPC":"ROCKETMQ"',
    '"serializeTypeCurrentRPC":1',
    '"serializeTypeCurrentRPC":"x"'
  ],
  ...[
    '"callbackList":[]',
    '"processTimer":null',
    '"unknown":"x"',
    '"unknown":{"a":[1,{}]}',
    '"":1',
    '"@type":"java.util.HashMap"',
    '"$ref":"$"'
  ],
  ...[
    '"Code":7',
    '"CODE":7',
    '"op_aque":7',
    '"op-aque":7',
    '"isFlag":1',
    '"__proto__":{"code":9}',
    '"constructor":"x"',
    '"toString":"x"'
  ],
  ...[
    '"code":7',
    '"opaque":8',
    '"flag":3',
    '"language":"GO"',
    '"version":5',
    '"remark":"again"',
    '"extFields":{"z":"1"}',
    '"extFields":null',
    '"extFields":{}'
  ],
  ...[
    '"language":"GO "',
    '"language":""',
    '"language":null',
    '"remark":null',
    '"remark":5',
    '"remark":true',
    '"remark":[1]',
    '"remark":{"a":1}'
  ]
]

const FIELD_MEMBERS = [
  ...[
    '"a":"x"',
    '"b":"T"',
    '"e":"1"',
    '"e":1',
    '"e":null',
    '"topic":"T"',
    '"__proto__":"x"',
    '"constructor":"x"',
    '"toString":"x"',
    '"":"x"',
    '"$ref":"$"'
  ],
  ...[
    '"@type":"java.util.HashMap"',
    '"z":1',
    '"z":1.50',
    '"z":1e3',
    '"z":-0',
    '"z":true',
    '"z":null',
    '"z":{"b":1,"a":"x"}',
    '"z":[1,"x"]',
    '"z":[]',
    '"z":{}'
  ],
  ...[
    '"z":12345678901234567890',
    '"z":0.000001',
    '"z":1e21',
    '"z":123456789.125',
    '1:"x"',
    "'z':'x'",
    'z:"x"',
    'null:"x"',
    'true:"x"',
    '"z":9007199254740993'
  ]
]

const NOISE = [
  '/* c */',
  '// c\n',
  '/**/',
  ' ',
  '\t',
  '\r\n',
  '\f',
  '\b',
  '\u00a0',
  '\ufeff',
  '\u0000',
  '\u001a',
  ',',
  ',,',
  '{',
  '}',
  '[',
  ']',
  ':',
  '"',
  "'",
  '\\',
  ';',
  'x',
  '0',
  '#'
]

/** Bytes that are no UTF-8: alone, cut short, too long a form, a surrogate, beyond the last character. */
const BROKEN = ['ff', 'c0', 'c080', 'e4b8', 'eda080', 'f4908080', 'f0808080', '80', 'f09f98', 'eda0bdedb880', 'c3', 'fe'].map(
  (hex) => Buffer.from(hex, 'hex')
)

function mutatedJson(frame: Buffer, random: Random): Buffer {
  return withHeader(frame, mutatedJsonText(headerOf(frame), random), 0)
}

/** JSON with tokens and members changed, added, taken away or spelled otherwise. */
export function mutatedJsonText(json: Buffer, random: Random): Buffer {
  const tokens = json.toString('latin1').match(TOKEN) ?? []
  for (let times = 1 + below(random, 2); times > 0; times--) mutateTokens(tokens, random)
  return Buffer.from(tokens.join(''), 'latin1')
}

/** Text as the bytes of UTF-8, one character each. */
const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** Places of the first token of members: behind `{` and `,`, where a name and a colon follow. */
function memberPlaces(tokens: string[]): number[] {
  return tokens.flatMap((token, i) => ((token === '{' || token === ',') && tokens[i + 2] === ':' ? [i + 1] : []))
}

function mutateTokens(tokens: string[], random: Random): void {
  const members = memberPlaces(tokens)
  const at = below(random, tokens.length + 1)
  const member = members.length === 0 ? undefined : pick(random, members)
  switch (below(random, 12)) {
    case 0:
    case 1:
    case 2:
      if (member !== undefined) replaceValue(tokens, member, utf8(pick(random, VALUES)))
      break
    case 3:
      tokens.splice(at, 0, utf8(pick(random, NOISE)))
      break
    case 4:
      tokens.splice(at, 1)
      break
    case 5:
      if (member !== undefined) tokens.splice(member, 0, utf8(pick(random, MEMBERS)), ',')
      break
    case 6: {
      const fields = tokens.findIndex((token, i) => token === '"extFields"' && tokens[i + 2] === '{')
      if (fields >= 0)
        tokens.splice(fields + 3, 0, utf8(pick(random, FIELD_MEMBERS)), ...(tokens[fields + 3] === '}' ? [] : [',']))
      break
    }
    case 7:
      if (member !== undefined) tokens[member] = otherSpelling(tokens[member] as string, random)
      break
    case 8:
      if (member !== undefined) tokens[member + 2] = otherSpelling(tokens[member + 2] as string, random)
      break
    case 9:
      if (member !== undefined) tokens[member + 2] = broken(tokens[member + 2] as string, random)
      break
    case 10:
      // At the end, or twice.
      if (member !== undefined) tokens.splice(tokens.length - 1, 0, ',', ...tokens.slice(member, member + 3))
      break
    default:
      tokens.splice(pick(random, [0, tokens.length]), 0, utf8(pick(random, NOISE)))
  }
}

/** The value of the member whose name stands at `member`, an object with all that is in it. */
function replaceValue(tokens: string[], member: number, value: string): void {
  let end = member + 2
  let depth = 0
  do {
    const token = tokens[end] as string
    if (token === '{' || token === '[') depth++
    if (token === '}' || token === ']') depth--
    end++
  } while (depth > 0 && end < tokens.length)
  tokens.splice(member + 2, end - member - 2, value)
}

/** The same string in other letters: escaped, in single quotes, without any, in another case, with space around it. */
function otherSpelling(token: string, random: Random): string {
  if (!token.startsWith('"') || token.length < 3) return ` ${token} `
  const inner = token.slice(1, -1)
  const at = below(random, inner.length)
  const unit = inner.charCodeAt(at)
  const escapes = [`\\u00${hex(unit)}`, `\\x${hex(unit)}`, `\\u00${hex(unit).toUpperCase()}`, `\\${inner[at]}`]
  switch (below(random, 7)) {
    case 0:
    case 1:
      return inner[at] === '\\' ? token : `"${inner.slice(0, at)}${pick(random, escapes)}${inner.slice(at + 1)}"`
    case 2:
      return `'${inner}'`
    case 3:
      return inner
    case 4:
      return `"${random() < 0.5 ? inner.toUpperCase() : inner.toLowerCase()}"`
    case 5:
      return `"${inner.slice(0, at)}${pick(random, ['_', '-', ' ', '.', '\\u0001', '\\n'])}${inner.slice(at)}"`
    default:
      return ` ${token}\t`
  }
}

const hex = (unit: number): string => unit.toString(16).padStart(2, '0')

/** A string with bytes in it that are no UTF-8. */
function broken(token: string, random: Random): string {
  const at = token.startsWith('"') ? 1 + below(random, Math.max(1, token.length - 1)) : token.length
  return token.slice(0, at) + pick(random, BROKEN).toString('latin1') + token.slice(at)
}

// Binary

interface Entry {
  keyLength: number
  key: Buffer
  valueLength: number
  value: Buffer
}

const entry = (key: Buffer, value: Buffer): Entry => ({ keyLength: key.length, key, valueLength: value.length, value })

const TEXTS = [
  '',
  'a',
  'e',
  '1',
  '-1',
  '+7',
  ' 1',
  '2147483648',
  'x',
  'true',
  'TRUE',
  '__proto__',
  'constructor',
  '\u00e9\u4e2d\ud83d\ude00',
  '\u0000',
  '\ufeffx',
  '\u0661'
]

function mutatedBinary(frame: Buffer, random: Random): Buffer {
  const header = headerOf(frame)
  const remarkLength = header.readInt32BE(13)
  const fixed = Buffer.from(header.subarray(0, 13))
  const remark = entry(Buffer.alloc(0), header.subarray(17, 17 + remarkLength))
  const map = header.subarray(21 + remarkLength)
  const entries: Entry[] = []
  for (let at = 0; at < map.length; ) {
    const keyLength = map.readInt16BE(at)
    const key = map.subarray(at + 2, at + 2 + keyLength)
    const valueLength = map.readInt32BE(at + 2 + keyLength)
    at += 6 + keyLength + valueLength
    entries.push(entry(key, map.subarray(at - valueLength, at)))
  }
  let mapStep = 0
  let tail = Buffer.alloc(0)
  for (let times = 1 + below(random, 2); times > 0; times--) {
    const some = entries.length === 0 ? undefined : pick(random, entries)
    const text = Buffer.from(pick(random, TEXTS), 'utf8')
    const edge = pick(random, EDGES)
    switch (below(random, 13)) {
      case 0:
        fixed.writeInt16BE((pick(random, [edge, 10, 310, 320]) << 16) >> 16, pick(random, [0, 3]))
        break
      case 1:
        fixed[2] = pick(random, [0, 9, 12, 13, 14, 0x7f, 0x80, 0xff])
        break
      case 2:
        fixed.writeInt32BE(edge, pick(random, [5, 9]))
        break
      case 3:
        remark.valueLength = pick(random, [
          edge,
          remark.valueLength + pick(random, [1, -1, 4, 100]),
          header.length,
          header.length + 1
        ])
        break
      case 4:
        remark.value = pick(random, [text, ...BROKEN, Buffer.from('a remark')])
        remark.valueLength = remark.value.length
        break
      case 5:
        mapStep = pick(random, [edge, 1, -1, 2, -2, 6, -6, 100, -100])
        break
      case 6:
        if (some !== undefined) some.keyLength = pick(random, [edge, some.keyLength + 1, some.keyLength - 1, header.length])
        break
      case 7:
        if (some !== undefined)
          some.valueLength = pick(random, [edge, some.valueLength + 1, some.valueLength - 1, header.length, header.length + 1])
        break
      case 8:
        if (some !== undefined)
          entries.splice(below(random, entries.length + 1), 0, { ...some, value: text, valueLength: text.length })
        break
      case 9:
        if (some !== undefined) Object.assign(some, entry(some.key, pick(random, [text, ...BROKEN])))
        break
      case 10:
        if (some !== undefined) Object.assign(some, entry(pick(random, [text, ...BROKEN]), some.value))
        break
      case 11:
        if (some !== undefined) entries.splice(entries.indexOf(some), 1)
        break
      default:
        tail = pick(random, [text, ...BROKEN, Buffer.alloc(4), Buffer.alloc(40, 'x')])
    }
  }
  const bytes = Buffer.concat(
    entries.flatMap(({ keyLength, key, valueLength, value }) => [int16(keyLength), key, int32(valueLength), value])
  )
  const parts = [fixed, int32(remark.valueLength), remark.value, int32(bytes.length + mapStep), bytes, tail]
  return withHeader(frame, Buffer.concat(parts), 1)
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE((value << 16) >> 16)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return bytes
}
