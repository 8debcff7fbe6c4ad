import { decodeBatch } from '../protocol/batch-codec.ts'
import { PROPERTY_SEPARATOR } from '../protocol/properties.ts'
import type { MessageExtBrokerInner, PutMessageResult } from './types.ts'

/** One inner message of a batch on its way to a record of its own. */
export interface BatchRecord {
  flag: number
  body: Uint8Array
  propertiesString: string
  /** Length of the record, bytes; the commit log fills it in. */
  size: number
}

/** The inner messages, each with the batch's own properties behind its own; a refusal when the encoding does not hold together. */
export function batchRecords(message: MessageExtBrokerInner): BatchRecord[] | PutMessageResult {
  const { body, propertiesString: shared } = message
  try {
    const items = decodeBatch(Buffer.from(body.buffer, body.byteOffset, body.length))
    if (items.length === 0) return { status: 'MESSAGE_ILLEGAL', remark: 'the batch holds no message' }
    return items.map((item) => ({
      flag: item.flag,
      body: item.body,
      propertiesString: joinProperties(item.propertiesString, shared),
      size: 0
    }))
  } catch (error) {
    return { status: 'MESSAGE_ILLEGAL', remark: (error as Error).message }
  }
}

/** 4.9 clients leave out the last separator. */
function joinProperties(own: string, shared: string): string {
  return own !== '' && shared !== '' && !own.endsWith(PROPERTY_SEPARATOR) ? own + PROPERTY_SEPARATOR + shared : own + shared
}
