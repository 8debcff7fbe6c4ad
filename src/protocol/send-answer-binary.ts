import { type ExtFields, emptyExtFields } from './ext-fields.ts'
import { type AnswerCommand, SendAnswer, type SendAnswerConstants } from './send-answer-pattern.ts'

/** The fields of an answer to a send; each name has another length. */
const NAMES = ['msgId', 'queueId', 'TRACE_ON', 'MSG_REGION', 'queueOffset', 'transactionId']
const BY_LENGTH: Array<{ bit: number; bytes: Uint8Array } | undefined> = []
for (const [i, name] of NAMES.entries()) BY_LENGTH[name.length] = { bit: 1 << i, bytes: Uint8Array.from(Buffer.from(name)) }
const [MSG_ID, QUEUE_ID, TRACE_ON, MSG_REGION, QUEUE_OFFSET, TRANSACTION_ID] = [1, 2, 4, 8, 16, 32]
const NEEDED = MSG_ID | QUEUE_ID | QUEUE_OFFSET

/** What the last answer had in the fields that do not change, and its bytes. */
let last: (SendAnswerConstants & { bytes: { regionId: Buffer; traceOn: Buffer } }) | undefined

/**
 * Reads the binary map of an answer to a send without making one; false, with nothing read, for any that has other fields, has one twice
 * or empty, or a number that is not written as usual.
 */
export function readBinarySendAnswer(command: AnswerCommand, bytes: Buffer, start: number, end: number): boolean {
  let seen = 0
  let queueId = 0
  let queueOffset = 0
  let [msgId, msgIdEnd, transactionId, transactionIdEnd, region, regionEnd, trace, traceEnd] = [0, 0, 0, 0, 0, 0, 0, 0]
  let at = start
  while (at < end) {
    if (end - at < 6 || bytes[at] !== 0) return false
    const nameLength = bytes[at + 1] as number
    const name = BY_LENGTH[nameLength]
    const from = at + 6 + nameLength
    if (name === undefined || from > end || (seen & name.bit) !== 0 || !equals(name.bytes, bytes, at + 2)) return false
    const length = bytes.readInt32BE(from - 4)
    if (length <= 0 || length > end - from) return false
    at = from + length
    seen |= name.bit
    switch (name.bit) {
      case MSG_ID:
        msgId = from
        msgIdEnd = at
        break
      case TRANSACTION_ID:
        transactionId = from
        transactionIdEnd = at
        break
      case MSG_REGION:
        region = from
        regionEnd = at
        break
      case TRACE_ON:
        trace = from
        traceEnd = at
        break
      case QUEUE_OFFSET:
        queueOffset = digits(bytes, from, at)
        break
      default:
        queueId = digits(bytes, from, at)
    }
  }
  if ((seen & NEEDED) !== NEEDED || queueOffset < 0 || queueId < 0 || (queueId | 0) !== queueId) return false
  const answer = new SendAnswer(constantsOf(bytes, region, regionEnd, trace, traceEnd))
  answer.queueId = queueId
  answer.queueOffset = queueOffset
  answer.msgId = bytes.toString('utf8', msgId, msgIdEnd)
  if (transactionId > 0) answer.transactionId = bytes.toString('utf8', transactionId, transactionIdEnd)
  command.sendAnswer = answer
  return true
}

function constantsOf(bytes: Buffer, region: number, regionEnd: number, trace: number, traceEnd: number): SendAnswerConstants {
  const known = last
  if (
    known !== undefined &&
    known.bytes.regionId.length === regionEnd - region &&
    known.bytes.traceOn.length === traceEnd - trace &&
    equals(known.bytes.regionId, bytes, region) &&
    equals(known.bytes.traceOn, bytes, trace)
  ) {
    return known
  }
  const [regionBytes, traceBytes] = [Buffer.from(bytes.subarray(region, regionEnd)), Buffer.from(bytes.subarray(trace, traceEnd))]
  const fields: ExtFields = emptyExtFields()
  const regionId = region === 0 ? undefined : regionBytes.toString()
  const traceOn = trace === 0 ? undefined : traceBytes.toString()
  if (regionId !== undefined) fields['MSG_REGION'] = regionId
  if (traceOn !== undefined) fields['TRACE_ON'] = traceOn
  last = { fields, regionId, traceOn, bytes: { regionId: regionBytes, traceOn: traceBytes } }
  return last
}

function equals(wanted: Uint8Array, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

/** -1 for what is no number in plain digits, or more of them than a number holds exactly. */
function digits(bytes: Buffer, start: number, end: number): number {
  if (end - start > 15 || (bytes[start] === 0x30 && end - start > 1)) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
