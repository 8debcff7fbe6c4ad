import type { MessageExt } from '../protocol/message.ts'
import { decodeMessage } from '../protocol/message-codec.ts'
import type { DefaultMessageStore } from '../store/default-message-store.ts'

/** A message as the broker holds it, decoded, and its raw record. */
export interface StoredMessage extends MessageExt {
  brokerName: string
  /** The whole record, as it stands in the commit log. */
  raw: Buffer
}

/** How many messages one read of the store asks for. */
const READ_BATCH = 32

/** Everything visible of one queue, oldest first. */
export function* storedMessages(
  store: DefaultMessageStore,
  brokerName: string,
  topic: string,
  queueId: number
): Generator<StoredMessage> {
  let offset = store.getMinOffsetInQueue(topic, queueId)
  for (;;) {
    const result = store.getMessage('LOOPBACK_INSPECTION', topic, queueId, offset, READ_BATCH)
    if (result === undefined || result.messages.length === 0) return
    for (const raw of result.messages) yield { ...decode(raw), brokerName, raw }
    offset = result.nextBeginOffset
  }
}

/** A body that is damaged, or of a format there is no codec for here, stays compressed: it must not hide the others. */
function decode(raw: Buffer): MessageExt {
  try {
    return decodeMessage(raw)
  } catch {
    return decodeMessage(raw, 0, { decompressBody: false })
  }
}
