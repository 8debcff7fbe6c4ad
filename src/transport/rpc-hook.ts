import type { RemotingCommand } from '../protocol/remoting-command.ts'

/** Sees each request before it is encoded and each answer before the caller does; Java's `RPCHook`. May add header fields. */
export interface RPCHook {
  /** Of every request, oneway ones too; what it throws fails the call. */
  doBeforeRequest(addr: string, request: RemotingCommand): void
  /** Not called for oneway requests, and not when no answer came. */
  doAfterResponse(addr: string, request: RemotingCommand, response: RemotingCommand): void
}
