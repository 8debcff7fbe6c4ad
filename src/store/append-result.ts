import type { HostAddress } from '../protocol/host-address.ts'
import { createOffsetMsgId } from '../protocol/message-id.ts'
import type { AppendResult } from './types.ts'

/** Where records landed; the ids are made when somebody asks, a oneway send never does. Java's `AppendMessageResult`. */
export class AppendMessageResult implements AppendResult {
  readonly wroteOffset: number
  readonly wroteBytes: number
  readonly storeTimestamp: number
  readonly logicsOffset: number
  readonly msgNum: number
  readonly #storeHost: HostAddress
  /** Physical offset of each record; undefined when there is one. */
  readonly #offsets: readonly number[] | undefined
  #msgId: string | undefined

  constructor(
    wroteOffset: number,
    wroteBytes: number,
    storeTimestamp: number,
    logicsOffset: number,
    storeHost: HostAddress,
    offsets?: readonly number[]
  ) {
    this.wroteOffset = wroteOffset
    this.wroteBytes = wroteBytes
    this.storeTimestamp = storeTimestamp
    this.logicsOffset = logicsOffset
    this.msgNum = offsets?.length ?? 1
    this.#storeHost = storeHost
    this.#offsets = offsets
  }

  get msgId(): string {
    this.#msgId ??=
      this.#offsets === undefined
        ? createOffsetMsgId(this.#storeHost, this.wroteOffset)
        : this.#offsets.map((offset) => createOffsetMsgId(this.#storeHost, offset)).join(',')
    return this.#msgId
  }
}
