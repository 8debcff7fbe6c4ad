/** Faults as data, as the seams of connection, dispatcher and store know them; `FaultTable` holds them. */

/** Where a fault may strike. */
export type FaultPoint = 'connect' | 'request' | 'response' | 'append' | 'flush' | 'replicate'

/** What the seam knows about the event; a matcher's fields must all agree. */
export interface FaultContext {
  /** Where it is. */
  point: FaultPoint
  /** Request code, where a request is involved. */
  code?: number
  /** Topic, where there is one. */
  topic?: string
  /** Producer or consumer group, where there is one. */
  group?: string
  /** Queue, where there is one. */
  queueId?: number
  /** The broker it happens at. */
  brokerName?: string
  /** What the event happened at; absent at a client. */
  server?: 'namesrv' | 'broker'
}

/** Which events a fault strikes; what is absent does not matter. */
export interface FaultMatch {
  /** Where, one or several; any when absent. */
  point?: FaultPoint | readonly FaultPoint[]
  /** Request code, one or several. */
  code?: number | readonly number[]
  /** Topic of the message or request. */
  topic?: string
  /** Producer or consumer group. */
  group?: string
  /** Queue of the message. */
  queueId?: number
  /** Broker concerned. */
  brokerName?: string
  /** Name server or brokers only; clients never match. */
  server?: 'namesrv' | 'broker'
  /** Strike only at the n-th matching event, counted from 1. */
  nth?: number
  /** Strike with this probability, 0 to 1. */
  probability?: number
}

/** What a fault does; the fields of each kind. */
export type FaultAction =
  | RespondFault
  | DelayFault
  | QueueFault
  | DropFault
  | CloseFault
  | TruncateFault
  | HoldFault
  | FailFault
  | HalfOpenFault
  | GarbageHeaderFault
  | OversizedLengthFault
  | DuplicateFault
  | WrongOpaqueFault
  | CallFault

/** Request: answered with this instead of being handled. */
export interface RespondFault {
  /** Names the fault. */
  kind: 'respond'
  /** Response code. */
  code: number
  /** Remark of the answer. @default none */
  remark?: string
  /** Body of the answer, or what makes it; where that makes none the answer has code 17 (TOPIC_NOT_EXIST). @default none */
  body?: Uint8Array | ((context: FaultContext) => Uint8Array | undefined)
}

/** What was to happen, happens later. */
export interface DelayFault {
  /** Names the fault. */
  kind: 'delay'
  /** How much later, ms. */
  millis: number
}

/** Request: waits to be handled, as in a queue of a broker that has too much to do, and is refused there when it waits too long. */
export interface QueueFault {
  /** Names the fault. */
  kind: 'queue'
  /** How long it would wait, ms. */
  millis: number
}

/** What was to happen, does not. */
export interface DropFault {
  /** Names the fault. */
  kind: 'drop'
}

/** The connection is closed. */
export interface CloseFault {
  /** Names the fault. */
  kind: 'close'
  /** Before or after the request was handled. @default before */
  when?: 'before' | 'after'
}

/** Only the first bytes are sent, then the connection is closed. */
export interface TruncateFault {
  /** Names the fault. */
  kind: 'truncate'
  /** So many are sent. */
  bytes: number
}

/** Flush or replication: stays pending until released. */
export interface HoldFault {
  /** Names the fault. */
  kind: 'hold'
}

/** Flush, replication or append: fails with this store status, or as a failed sync when none is given. */
export interface FailFault {
  /** Names the fault. */
  kind: 'fail'
  /** Name of a store status. @default none */
  status?: string
  /** Text of the error. @default one that names the fault */
  message?: string
}

/** A fault to strike with. */
export interface Fault {
  /** Which events it strikes. */
  when: FaultMatch
  /** What happens to them. */
  then: FaultAction
  /** How often it strikes before it is spent. @default Infinity */
  times?: number
}

/** The connection stays open and nothing more comes out of it: nothing is read, nothing answered. */
export interface HalfOpenFault {
  /** Names the fault. */
  kind: 'halfOpen'
}

/** The answer's header is bytes that are no header; its lengths are right. */
export interface GarbageHeaderFault {
  /** Names the fault. */
  kind: 'garbageHeader'
}

/** The answer claims a length beyond what anybody may accept. */
export interface OversizedLengthFault {
  /** Names the fault. */
  kind: 'oversizedLength'
}

/** The answer is sent twice. */
export interface DuplicateFault {
  /** Names the fault. */
  kind: 'duplicate'
}

/** The answer names a request that nobody made. */
export interface WrongOpaqueFault {
  /** Names the fault. */
  kind: 'wrongOpaque'
}

/** Request: not handled and not answered; `run` is called instead. */
export interface CallFault {
  /** Names the fault. */
  kind: 'call'
  /** May not throw. */
  run: (context: FaultContext) => void
}

/** A row of the table. */
export interface FaultHandle {
  /** As it was added. */
  readonly fault: Fault
  /** How often it struck. */
  readonly hits: number
  /** How often an event agreed with its fields, whether it struck or not. */
  readonly matches: number
  /**
   * Resolves when it has struck `count` times.
   * @throws MQClientException (`FAULT_ENDED`) when it ends before, MQClientException (`BAD_FAULT`) for a count it can never reach; the
   *   signal's reason when that aborts.
   */
  fired(count?: number, options?: { signal?: AbortSignal }): Promise<void>
  /** Lets go everything a `hold` fault holds, and ends the fault. */
  release(): void
  /** Ends the fault; what it holds stays held. */
  remove(): void
}

/** A fault that struck. For `hold`, `released` settles when the fault is released. */
export interface StruckFault {
  action: FaultAction
  released: Promise<void>
  /** What it struck at. */
  context: FaultContext
}
