import type { MessageExt } from '../../protocol/message.ts'

/** Options of the calls that send nothing. */
export interface AdminOptions {
  /** Ms for the whole call. @default 6000 */
  timeout?: number | undefined
  /** Gives the call up when it aborts: the error has code `ABORTED` and the signal's reason as cause. @default none */
  signal?: AbortSignal | undefined
}

/** Options of `createTopic`. */
export interface CreateTopicOptions extends AdminOptions {
  /** Bits of Java's `TopicSysFlag`: 1 unit, 2 unit subscription. @default 0 */
  topicSysFlag?: number | undefined
  /** Attributes of 5.x, for example `{ 'message.type': 'FIFO' }`. @default none */
  attributes?: Readonly<Record<string, string>> | undefined
}

/** Options of `searchOffset`. */
export interface SearchOffsetOptions extends AdminOptions {
  /** Which neighbour a time between two messages stands for; brokers before 5.0 know `LOWER` only. @default LOWER */
  boundaryType?: 'LOWER' | 'UPPER' | undefined
}

/** What a query by key found; Java's `QueryResult`. */
export interface QueryResult {
  /** When the indexes that were asked last took something in, ms since 1970. */
  indexLastUpdateTimestamp: number
  /** Of all brokers; of each the oldest first. */
  messageList: MessageExt[]
}
