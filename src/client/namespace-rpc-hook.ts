import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { RPCHook } from '../transport/rpc-hook.ts'

/** Puts every request into a namespace of the second kind: header fields `nsd` and `ns`, names stay as they are. */
export class NamespaceRpcHook implements RPCHook {
  readonly namespace: string

  constructor(namespace: string) {
    this.namespace = namespace
  }

  doBeforeRequest(_addr: string, request: RemotingCommand): void {
    request.extFields['nsd'] = 'true'
    request.extFields['ns'] = this.namespace
  }

  doAfterResponse(): void {}
}
