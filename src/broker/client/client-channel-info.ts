import type { Connection } from '../../transport/connection.ts'

/** A client as its heartbeat told it; Java's `ClientChannelInfo`. */
export interface ClientChannelInfo {
  readonly connection: Connection
  readonly clientId: string
  /** LanguageCode ordinal. */
  readonly language: number
  /** MQVersion ordinal. */
  readonly version: number
  /** Monotonic, ms. */
  lastUpdate: number
  /** Wall clock, ms. */
  lastUpdateTimestamp: number
}
