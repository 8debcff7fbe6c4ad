import { writeInt32 } from './big-endian.ts'
import { emptyExtFields } from './ext-fields.ts'
import { quoteJson } from './json-text.ts'
import { LanguageCode } from './language-code.ts'
import type { OutgoingFrame } from './outgoing-frame.ts'
import { CURRENT_VERSION, RESPONSE_FLAG, RemotingCommand, SerializeType } from './remoting-command.ts'
import { writeUtf8 } from './utf8.ts'

/** Header of the answer to a send; Java's `SendMessageResponseHeader` and the two fields that brokers add. */
export interface SendMessageResponseHeader {
  /** Offset message id; of a batch the ids, comma-joined. */
  msgId: string
  queueId: number
  queueOffset: number
  transactionId?: string | undefined
  batchUniqId?: string | undefined
  recallHandle?: string | undefined
  /** Goes out as MSG_REGION. */
  regionId: string
  /** Goes out as TRACE_ON. */
  traceOn: boolean
}

/** From this length on the room for a text is measured, not estimated. */
const LONG_TEXT = 1024

/** The answer to a send that was stored (codes 0, 10, 11, 12); its header is written straight into the outgoing buffer. */
export class SendMessageResponse implements OutgoingFrame {
  readonly code: number
  readonly header: SendMessageResponseHeader
  readonly remark: string | undefined
  readonly serializeType: number
  readonly opaque: number
  readonly flag = RESPONSE_FLAG
  readonly body = undefined

  /** @param request the answer has its opaque and its serialization. */
  constructor(
    request: { readonly opaque: number; readonly serializeType: number },
    code: number,
    header: SendMessageResponseHeader,
    remark?: string
  ) {
    this.code = code
    this.header = header
    this.remark = remark
    this.serializeType = request.serializeType
    this.opaque = request.opaque
  }

  headerBound(): number {
    const { msgId, transactionId, batchUniqId, recallHandle, regionId } = this.header
    return 384 + room(msgId) + room(transactionId) + room(batchUniqId) + room(recallHandle) + room(regionId) + room(this.remark)
  }

  writeHeader(target: Buffer, offset: number): number {
    if (this.serializeType !== SerializeType.JSON) return this.#writeBinary(target, offset)
    const { msgId, queueId, queueOffset, transactionId, batchUniqId, recallHandle, regionId, traceOn } = this.header
    let fields = `"queueId":"${queueId}","msgId":${quoteJson(msgId)},"queueOffset":"${queueOffset}"`
    if (transactionId !== undefined) fields += `,"transactionId":${quoteJson(transactionId)}`
    if (batchUniqId !== undefined) fields += `,"batchUniqId":${quoteJson(batchUniqId)}`
    if (recallHandle !== undefined) fields += `,"recallHandle":${quoteJson(recallHandle)}`
    const remark = this.remark === undefined ? '' : `,"remark":${quoteJson(this.remark)}`
    const text = `{"code":${this.code},"extFields":{${fields},"MSG_REGION":${quoteJson(regionId)},"TRACE_ON":"${traceOn}"},"flag":1,"language":"JAVA","opaque":${this.opaque}${remark},"serializeTypeCurrentRPC":"JSON","version":${CURRENT_VERSION}}`
    return offset + target.write(text, offset)
  }

  #writeBinary(target: Buffer, offset: number): number {
    const { msgId, queueId, queueOffset, transactionId, batchUniqId, recallHandle, regionId, traceOn } = this.header
    writeInt32(target, offset, (this.code << 16) | (LanguageCode.JAVA << 8) | (CURRENT_VERSION >> 8))
    target[offset + 4] = CURRENT_VERSION & 0xff
    writeInt32(target, offset + 5, this.opaque)
    writeInt32(target, offset + 9, RESPONSE_FLAG)
    const remarkLength = this.remark === undefined ? 0 : writeUtf8(target, offset + 17, this.remark)
    writeInt32(target, offset + 13, remarkLength)
    const map = offset + 21 + remarkLength
    let at = writeEntry(target, map, 'msgId', msgId)
    at = writeEntry(target, at, 'queueId', String(queueId))
    at = writeEntry(target, at, 'queueOffset', String(queueOffset))
    if (transactionId !== undefined) at = writeEntry(target, at, 'transactionId', transactionId)
    if (batchUniqId !== undefined) at = writeEntry(target, at, 'batchUniqId', batchUniqId)
    if (recallHandle !== undefined) at = writeEntry(target, at, 'recallHandle', recallHandle)
    at = writeEntry(target, at, 'MSG_REGION', regionId)
    at = writeEntry(target, at, 'TRACE_ON', traceOn ? 'true' : 'false')
    writeInt32(target, map - 4, at - map)
    return at
  }

  /** The same answer with its fields as a map, for code that looks at them. */
  toCommand(): RemotingCommand {
    const fields = emptyExtFields()
    const { regionId, traceOn, ...header } = this.header
    for (const [name, value] of Object.entries(header)) if (value !== undefined) fields[name] = String(value)
    fields.MSG_REGION = regionId
    fields.TRACE_ON = String(traceOn)
    const command = new RemotingCommand(this.code, fields)
    command.opaque = this.opaque
    command.flag = this.flag
    command.remark = this.remark
    command.serializeType = this.serializeType
    return command
  }
}

/** Bytes a text can take, escaped for JSON. */
function room(text: string | undefined): number {
  if (text === undefined) return 0
  return text.length < LONG_TEXT ? text.length * 6 : Buffer.byteLength(quoteJson(text))
}

/** `nameLength:int16 name valueLength:int32 value` */
function writeEntry(target: Buffer, at: number, name: string, value: string): number {
  const nameLength = name.length
  target[at] = 0
  target[at + 1] = nameLength
  for (let i = 0; i < nameLength; i++) target[at + 2 + i] = name.charCodeAt(i)
  const start = at + 6 + nameLength
  const length = writeUtf8(target, start, value)
  writeInt32(target, start - 4, length)
  return start + length
}
