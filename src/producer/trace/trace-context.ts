import type { MessageType } from '../message-type.ts'

/** A message was sent; Java's `TraceType.Pub`. Of a batch, one record for all of it. */
export interface PubTrace {
  /** Kind of record. */
  readonly traceType: 'Pub'
  /** When the attempt that stored it began, wall clock ms. */
  readonly timeStamp: number
  /** The broker's region. */
  readonly regionId: string
  /** Producer group, without namespace. */
  readonly groupName: string
  /** Without namespace. */
  readonly topic: string
  /** The client's id; of a batch those of its messages, comma-joined. */
  readonly msgId: string
  /** Undefined when there are none. */
  readonly tags: string | undefined
  /** Separated by spaces. */
  readonly keys: string | undefined
  /** `host:port` of the broker. */
  readonly storeHost: string
  /** Bytes as they were sent: compressed, if they were. */
  readonly bodyLength: number
  /** Ms. */
  readonly costTime: number
  /** Kind of message. */
  readonly msgType: MessageType
  /** The broker's id; of a batch comma-joined. Clients before 4.5 do not write it. */
  readonly offsetMsgId: string | undefined
  /** Whether the status was SEND_OK. */
  readonly success: boolean
  /** Only some clients write it. */
  readonly clientHost?: string | undefined
}

/** A transaction was ended; Java's `TraceType.EndTransaction`. */
export interface EndTransactionTrace {
  /** Kind of record. */
  readonly traceType: 'EndTransaction'
  /** Wall clock ms. */
  readonly timeStamp: number
  /** The broker's region. */
  readonly regionId: string
  /** Producer group, without namespace. */
  readonly groupName: string
  /** Without namespace. */
  readonly topic: string
  /** The client's id of the message. */
  readonly msgId: string
  /** Undefined when there are none. */
  readonly tags: string | undefined
  /** Separated by spaces. */
  readonly keys: string | undefined
  /** `host:port` of the broker. */
  readonly storeHost: string
  /** Trans_msg_Commit. */
  readonly msgType: MessageType
  /** Id of the transaction. */
  readonly transactionId: string | undefined
  /** COMMIT_MESSAGE, ROLLBACK_MESSAGE or UNKNOW. */
  readonly transactionState: string
  /** Whether the broker had asked. */
  readonly fromTransactionCheck: boolean
}

/** A timer message was recalled; Java's `TraceType.Recall`. */
export interface RecallTrace {
  /** Kind of record. */
  readonly traceType: 'Recall'
  /** Wall clock ms. */
  readonly timeStamp: number
  /** The broker's region. */
  readonly regionId: string
  /** Producer group, without namespace. */
  readonly groupName: string
  /** Without namespace. */
  readonly topic: string
  /** Undefined when the recall failed before it was known. */
  readonly msgId: string | undefined
  /** Whether the broker took the recall. */
  readonly success: boolean
}

/** A consumer is about to consume a message; Java's `TraceType.SubBefore`. */
export interface SubBeforeTrace {
  /** Kind of record. */
  readonly traceType: 'SubBefore'
  /** Wall clock ms. */
  readonly timeStamp: number
  /** The broker's region. */
  readonly regionId: string
  /** Consumer group. */
  readonly groupName: string
  /** The same before and after. */
  readonly requestId: string
  /** The client's id of the message. */
  readonly msgId: string
  /** How often it was consumed before. */
  readonly retryTimes: number
  /** Separated by spaces; undefined when there are none. */
  readonly keys: string | undefined
}

/** A consumer has consumed a message; Java's `TraceType.SubAfter`. */
export interface SubAfterTrace {
  /** Kind of record. */
  readonly traceType: 'SubAfter'
  /** The same before and after. */
  readonly requestId: string
  /** The client's id of the message. */
  readonly msgId: string
  /** Ms. */
  readonly costTime: number
  /** Whether it was consumed. */
  readonly success: boolean
  /** Separated by spaces; undefined when there are none. */
  readonly keys: string | undefined
  /** Ordinal of Java's `ConsumeReturnType`. */
  readonly contextCode: number
  /** Wall clock ms; absent, like the group, where the access channel is CLOUD. */
  readonly timeStamp?: number | undefined
  /** Consumer group. */
  readonly groupName?: string | undefined
}

/** A record of message trace; Java's `TraceContext` with its one `TraceBean`. */
export type TraceContext = PubTrace | EndTransactionTrace | RecallTrace | SubBeforeTrace | SubAfterTrace
