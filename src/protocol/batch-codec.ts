import { RemotingCommandException } from '../internal/errors.ts'
import { readInt32 } from './big-endian.ts'
import type { Message } from './message.ts'
import { MAX_PROPERTIES_LENGTH } from './message-codec.ts'
import { encodeProperties, type Properties } from './properties.ts'

/**
 * Body of a batch (code 320).
 *
 * ```
 * batch := item*
 * item  := totalSize:int32 magic:int32 bodyCRC:int32 flag:int32 bodyLength:int32 body propertiesLength:int16 properties
 * ```
 * Magic and checksum are 0 and not looked at.
 */
export interface BatchItem {
  flag: number
  /** A view of the batch's body. */
  body: Buffer
  /** As it travels; see `decodeProperties`. */
  propertiesString: string
}

/** An item without body and properties. */
const FIXED = 22

/** What is needed of a message to put it into a batch. */
export type BatchMember = Pick<Message, 'body' | 'flag' | 'properties'>

/** Bytes that one message takes in a batch. */
export function batchItemBytes({ body, properties }: Pick<BatchMember, 'body' | 'properties'>): number {
  return FIXED + body.length + propertiesBytes(properties)
}

/** Bytes of properties as they travel: UTF-8, with a separator behind each name and each value. */
export function propertiesBytes(properties: Properties): number {
  let bytes = 0
  for (const [name, value] of properties) bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2
  return bytes
}

/** @throws RemotingCommandException (`MESSAGE_ILLEGAL`) when the properties of a message are too long. */
export function encodeBatch(messages: readonly BatchMember[]): Buffer {
  const properties = messages.map((message) => Buffer.from(encodeProperties(message.properties), 'utf8'))
  let size = 0
  messages.forEach((message, i) => {
    const length = (properties[i] as Buffer).length
    if (length > MAX_PROPERTIES_LENGTH) {
      throw new RemotingCommandException(
        `the properties of message ${i} of the batch have ${length} bytes, at most ${MAX_PROPERTIES_LENGTH} can be stored`,
        { code: 'MESSAGE_ILLEGAL' }
      )
    }
    size += FIXED + message.body.length + length
  })
  const batch = Buffer.allocUnsafe(size)
  let at = 0
  messages.forEach((message, i) => {
    const text = properties[i] as Buffer
    batch.writeInt32BE(FIXED + message.body.length + text.length, at)
    batch.fill(0, at + 4, at + 12)
    batch.writeInt32BE(message.flag, at + 12)
    batch.writeInt32BE(message.body.length, at + 16)
    batch.set(message.body, at + 20)
    at += 20 + message.body.length
    at = batch.writeInt16BE(text.length, at)
    batch.set(text, at)
    at += text.length
  })
  return batch
}

/**
 * All items or none. A size that does not agree with what it holds is refused, also where Java would go by the inner lengths alone.
 * @throws RemotingCommandException (`MESSAGE_ILLEGAL`) naming item, field and bound.
 */
export function decodeBatch(body: Buffer): BatchItem[] {
  // Checked through before anything is made of it: a lie at the end of a large batch costs next to nothing.
  const count = countItems(body)
  const items: BatchItem[] = new Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    const size = readInt32(body, at)
    const bodyEnd = at + 20 + readInt32(body, at + 16)
    items[i] = {
      flag: readInt32(body, at + 12),
      body: body.subarray(at + 20, bodyEnd),
      propertiesString: body.toString('utf8', bodyEnd + 2, at + size)
    }
    at += size
  }
  return items
}

function countItems(body: Buffer): number {
  let count = 0
  for (let at = 0; at < body.length; count++) {
    const left = body.length - at
    const size = left < FIXED ? left : readInt32(body, at)
    if (left < FIXED || size < FIXED || size > left) throw illegal(count, `size ${size}, ${left} bytes are left`)
    const bodyLength = readInt32(body, at + 16)
    if (bodyLength < 0 || bodyLength > size - FIXED) throw illegal(count, `body length ${bodyLength}, size ${size}`)
    const lengthAt = at + 20 + bodyLength
    const propertiesLength = (((body[lengthAt] as number) << 24) >> 16) | (body[lengthAt + 1] as number)
    if (propertiesLength !== size - FIXED - bodyLength) {
      throw illegal(count, `properties length ${propertiesLength}, size ${size}, body length ${bodyLength}`)
    }
    at += size
  }
  return count
}

function illegal(item: number, problem: string): RemotingCommandException {
  return new RemotingCommandException(`message ${item} of the batch does not fit: ${problem}`, { code: 'MESSAGE_ILLEGAL' })
}
