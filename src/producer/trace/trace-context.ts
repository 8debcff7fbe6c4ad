import type { MessageType } from '../message-type.ts'

/** A message was sent; Java's `TraceType.Pub`. Of a batch, one record for all of it. */
export interface PubTrace {
  readonly traceType: 'Pub'
  /** When the attempt that stored it began, wall clock ms. */
  readonly timeStamp: number
  readonly regionId: string
  /** Producer group, without namespace. */
  readonly groupName: string
  /** Without namespace. */
  readonly topic: string
  /** The client's id; of a batch those of its messages, comma-joined. */
  readonly msgId: string
  readonly tags: string | undefined
  /** Separated by spaces. */
  readonly keys: string | undefined
  /** `host:port` of the broker. */
  readonly storeHost: string
  /** Bytes as they were sent: compressed, if they were. */
  readonly bodyLength: number
  /** Ms. */
  readonly costTime: number
  readonly msgType: MessageType
  readonly offsetMsgId: string | undefined
  /** Whether the status was SEND_OK. */
  readonly success: boolean
  /** Only some clients write it. */
  readonly clientHost?: string | undefined
}

/** A transaction was ended; Java's `TraceType.EndTransaction`. */
export interface EndTransactionTrace {
  readonly traceType: 'EndTransaction'
  /** Wall clock ms. */
  readonly timeStamp: number
  readonly regionId: string
  /** Producer group, without namespace. */
  readonly groupName: string
  /** Without namespace. */
  readonly topic: string
  readonly msgId: string
  readonly tags: string | undefined
  /** Separated by spaces. */
  readonly keys: string | undefined
  /** `host:port` of the broker. */
  readonly storeHost: string
  readonly msgType: MessageType
  readonly transactionId: string | undefined
  /** COMMIT_MESSAGE, ROLLBACK_MESSAGE or UNKNOW. */
  readonly transactionState: string
  /** Whether the broker had asked. */
  readonly fromTransactionCheck: boolean
}

/** A timer message was recalled; Java's `TraceType.Recall`. */
export interface RecallTrace {
  readonly traceType: 'Recall'
  /** Wall clock ms. */
  readonly timeStamp: number
  readonly regionId: string
  readonly groupName: string
  readonly topic: string
  readonly msgId: string | undefined
  readonly success: boolean
}

/** A consumer is about to consume a message; Java's `TraceType.SubBefore`. */
export interface SubBeforeTrace {
  readonly traceType: 'SubBefore'
  /** Wall clock ms. */
  readonly timeStamp: number
  readonly regionId: string
  /** Consumer group. */
  readonly groupName: string
  /** The same before and after. */
  readonly requestId: string
  readonly msgId: string
  /** How often it was consumed before. */
  readonly retryTimes: number
  readonly keys: string | undefined
}

/** A consumer has consumed a message; Java's `TraceType.SubAfter`. */
export interface SubAfterTrace {
  readonly traceType: 'SubAfter'
  /** The same before and after. */
  readonly requestId: string
  readonly msgId: string
  /** Ms. */
  readonly costTime: number
  readonly success: boolean
  readonly keys: string | undefined
  /** Ordinal of Java's `ConsumeReturnType`. */
  readonly contextCode: number
  /** Wall clock ms; absent, like the group, where the access channel is CLOUD. */
  readonly timeStamp?: number | undefined
  readonly groupName?: string | undefined
}

/** A record of message trace; Java's `TraceContext` with its one `TraceBean`. */
export type TraceContext = PubTrace | EndTransactionTrace | RecallTrace | SubBeforeTrace | SubAfterTrace
