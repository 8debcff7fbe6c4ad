import { RemotingCommandException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { KEY_SEPARATOR } from '../../protocol/message-const.ts'
import type { MessageType } from '../message-type.ts'
import type { TraceContext } from './trace-context.ts'

/**
 * Trace records as text; Java's `TraceDataEncoder`.
 *
 * ```
 * data           := (record U+0002)*
 * Pub            := 'Pub' timeStamp regionId group topic msgId tags keys storeHost bodyLength costTime msgType offsetMsgId success clientHost?
 * EndTransaction := 'EndTransaction' timeStamp regionId group topic msgId tags keys storeHost msgType transactionId state fromCheck
 * Recall         := 'Recall' timeStamp regionId group topic msgId success
 * SubBefore      := 'SubBefore' timeStamp regionId group requestId msgId retryTimes keys
 * SubAfter       := 'SubAfter' requestId msgId costTime success keys contextCode (timeStamp group)?
 * ```
 * U+0001 stands between fields; what is absent is written as `null`; `msgType` is the ordinal.
 */
const FIELD = '\u0001'
const RECORD = '\u0002'
const ABSENT = 'null'

/** In the order of Java's `MessageType`. */
const MESSAGE_TYPES: readonly MessageType[] = ['Normal_Msg', 'Trans_Msg_Half', 'Trans_msg_Commit', 'Delay_Msg', 'Order_Msg']

/** One record, with its end. */
export function encodeTraceContext(context: TraceContext): string {
  return `${fieldsOf(context)
    .map((field) => String(field ?? ABSENT))
    .join(FIELD)}${RECORD}`
}

function fieldsOf(context: TraceContext): Array<string | number | boolean | undefined> {
  const { traceType } = context
  switch (traceType) {
    case 'Pub': {
      const { timeStamp, regionId, groupName, topic, msgId, tags, keys, storeHost, bodyLength, costTime, offsetMsgId } = context
      const start = [traceType, timeStamp, regionId, groupName, topic, msgId, tags, keys, storeHost, bodyLength, costTime]
      const client = context.clientHost === undefined ? [] : [context.clientHost]
      return [...start, MESSAGE_TYPES.indexOf(context.msgType), offsetMsgId, context.success, ...client]
    }
    case 'EndTransaction': {
      const { timeStamp, regionId, groupName, topic, msgId, tags, keys, storeHost, transactionId, transactionState } = context
      const start = [traceType, timeStamp, regionId, groupName, topic, msgId, tags, keys, storeHost]
      const msgType = MESSAGE_TYPES.indexOf(context.msgType)
      return [...start, msgType, transactionId, transactionState, context.fromTransactionCheck]
    }
    case 'Recall': {
      const { timeStamp, regionId, groupName, topic, msgId, success } = context
      return [traceType, timeStamp, regionId, groupName, topic, msgId, success]
    }
    case 'SubBefore': {
      const { timeStamp, regionId, groupName, requestId, msgId, retryTimes, keys } = context
      return [traceType, timeStamp, regionId, groupName, requestId, msgId, retryTimes, keys]
    }
    case 'SubAfter': {
      const { requestId, msgId, costTime, success, keys, contextCode, timeStamp, groupName } = context
      const start = [traceType, requestId, msgId, costTime, success, keys, contextCode]
      // Java leaves a separator behind the last field where nothing follows.
      return timeStamp === undefined ? [...start, ''] : [...start, timeStamp, groupName]
    }
  }
}

/** What a record is found by: the ids of its messages, and their keys. */
export function traceKeys(context: TraceContext): string[] {
  const keys = 'keys' in context ? (context.keys ?? '').split(KEY_SEPARATOR) : []
  // Java would take the joined ids of a batch for one key.
  return [...(context.msgId ?? '').split(','), ...keys].filter((key) => key !== '')
}

/**
 * The records in the body of a message of the trace topic. Records of kinds that are not known are left out, as in Java.
 *
 * @param data the body, or its text.
 * @throws RemotingCommandException (`BAD_TRACE`) for something else, or naming the record and the field that cannot be read.
 *
 * @example
 * for (const record of decodeTraceData(message.body)) {
 *   if (record.traceType === 'Pub') console.log(record.topic, record.msgId, record.costTime)
 * }
 */
export function decodeTraceData(data: string | Uint8Array): TraceContext[] {
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) {
    throw new RemotingCommandException(
      'trace data is neither text nor a Uint8Array: pass the body of a message of the trace topic',
      {
        code: 'BAD_TRACE'
      }
    )
  }
  const text = typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')
  const contexts: TraceContext[] = []
  for (const record of text.split(RECORD)) {
    const context = decodeRecord(new Fields(record))
    if (context !== undefined) contexts.push(context)
  }
  return contexts
}

function decodeRecord(fields: Fields): TraceContext | undefined {
  const traceType = fields.count === 0 ? '' : fields.required(0)
  switch (traceType) {
    case 'Pub':
      return {
        traceType,
        ...messageFields(fields),
        bodyLength: fields.number(9),
        costTime: fields.number(10),
        msgType: fields.messageType(11),
        // Clients before 4.5 have no offsetMsgId.
        offsetMsgId: fields.count === 13 ? undefined : fields.text(12),
        success: fields.truth(fields.count === 13 ? 12 : 13),
        ...(fields.count >= 15 && { clientHost: fields.text(14) })
      }
    case 'EndTransaction':
      return {
        traceType,
        ...messageFields(fields),
        msgType: fields.messageType(9),
        transactionId: fields.text(10),
        transactionState: fields.required(11),
        fromTransactionCheck: fields.truth(12)
      }
    case 'Recall':
      return { traceType, ...origin(fields), topic: fields.required(4), msgId: fields.text(5), success: fields.truth(6) }
    case 'SubBefore': {
      const [requestId, msgId] = [fields.required(4), fields.required(5)]
      return { traceType, ...origin(fields), requestId, msgId, retryTimes: fields.number(6), keys: fields.text(7) }
    }
    case 'SubAfter':
      return {
        traceType,
        requestId: fields.required(1),
        msgId: fields.required(2),
        costTime: fields.number(3),
        success: fields.truth(4),
        keys: fields.text(5),
        contextCode: fields.count >= 7 ? fields.number(6) : 0,
        ...(fields.count >= 9 && { timeStamp: fields.number(7), groupName: fields.text(8) })
      }
    default:
      return undefined
  }
}

function origin(fields: Fields): { timeStamp: number; regionId: string; groupName: string } {
  return { timeStamp: fields.number(1), regionId: fields.required(2), groupName: fields.required(3) }
}

function messageFields(fields: Fields) {
  return {
    ...origin(fields),
    topic: fields.required(4),
    msgId: fields.required(5),
    tags: fields.text(6),
    keys: fields.text(7),
    storeHost: fields.required(8)
  }
}

/** The fields of one record, by number. */
class Fields {
  readonly #fields: string[]

  constructor(record: string) {
    this.#fields = record === '' ? [] : record.split(FIELD)
  }

  get count(): number {
    return this.#fields.length
  }

  required(index: number): string {
    const field = this.#fields[index]
    if (field === undefined) throw this.#bad(index, 'is missing')
    return field
  }

  text(index: number): string | undefined {
    const field = this.required(index)
    return field === ABSENT ? undefined : field
  }

  number(index: number): number {
    const field = this.required(index)
    const value = Number(field)
    if (field === '' || !Number.isSafeInteger(value)) throw this.#bad(index, 'is not a whole number')
    return value
  }

  truth(index: number): boolean {
    return this.required(index).toLowerCase() === 'true'
  }

  messageType(index: number): MessageType {
    const type = MESSAGE_TYPES[this.number(index)]
    if (type === undefined) throw this.#bad(index, `is no message type, 0 to ${MESSAGE_TYPES.length - 1} are`)
    return type
  }

  #bad(index: number, why: string): RemotingCommandException {
    const type = logText(this.#fields[0] ?? '')
    return new RemotingCommandException(`field ${index + 1} of a ${type} trace record ${why}`, { code: 'BAD_TRACE' })
  }
}
