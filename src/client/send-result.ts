import type { MessageQueue } from '../protocol/message-queue.ts'

/** How a send ended; Java's `SendStatus`. Everything but SEND_OK says that the message is stored, but the named guarantee is unproven. */
export const SendStatus = {
  /** Stored, and flushed and replicated as far as the broker is set up to. */
  SEND_OK: 'SEND_OK',
  /** Stored, but not flushed in time. */
  FLUSH_DISK_TIMEOUT: 'FLUSH_DISK_TIMEOUT',
  /** Stored, but not replicated in time. */
  FLUSH_SLAVE_TIMEOUT: 'FLUSH_SLAVE_TIMEOUT',
  /** Stored, but there is no slave to replicate to. */
  SLAVE_NOT_AVAILABLE: 'SLAVE_NOT_AVAILABLE'
} as const

export type SendStatus = (typeof SendStatus)[keyof typeof SendStatus]

/** What a broker answered to a send; Java's `SendResult`. */
export interface SendResult {
  /** How it ended; anything but SEND_OK leaves the named guarantee open. */
  sendStatus: SendStatus
  /** The client's id of the message (its UNIQ_KEY); of a batch, the ids of its messages, comma-joined. */
  msgId: string
  /** The broker's id of the message, which holds its address and offset; of a batch comma-joined. */
  offsetMsgId: string
  /** The queue it went to, as the broker answered it. */
  messageQueue: MessageQueue
  /** Logical offset in that queue; of a batch that of its first message. */
  queueOffset: number
  /** Of a half message: the broker's id of its transaction. */
  transactionId?: string
  /** @default DefaultRegion */
  regionId: string
  /** Whether the broker wants message trace. */
  traceOn: boolean
  /** Of timer messages: what a recall needs. */
  recallHandle?: string
}

/** What the client needs to know of a batch: the ids of its messages. */
export interface BatchMessage {
  readonly uniqKeys: readonly string[]
}
