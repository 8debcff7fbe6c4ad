import { MQClientException } from '../internal/errors.ts'
import { aclContent, aclSignature } from '../protocol/acl-signature.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { RPCHook } from '../transport/rpc-hook.ts'
import type { Credentials } from './client-options.ts'

/**
 * Signs requests: adds `AccessKey`, `SecurityToken` and `Signature`, which covers every header field and the body. Has to be the last
 * hook. The keys are private fields, so nothing that prints this object prints them. Java's `AclClientRPCHook`.
 */
export class AclClientRPCHook implements RPCHook {
  readonly #accessKey: string
  readonly #secretKey: string
  readonly #securityToken: string | undefined

  /** @throws MQClientException when a key is empty. */
  constructor(credentials: Credentials) {
    if (!credentials.accessKey || !credentials.secretKey) {
      throw new MQClientException('credentials need an accessKey and a secretKey that are not empty', { code: 'BAD_OPTION' })
    }
    this.#accessKey = credentials.accessKey
    this.#secretKey = credentials.secretKey
    this.#securityToken = credentials.securityToken
  }

  doBeforeRequest(_addr: string, request: RemotingCommand): void {
    const fields = request.extFields
    fields['AccessKey'] = this.#accessKey
    if (this.#securityToken) fields['SecurityToken'] = this.#securityToken
    fields['Signature'] = aclSignature(this.#secretKey, aclContent(fields, request.body))
  }

  doAfterResponse(): void {}

  /** Whether both sign alike. */
  equals(other: AclClientRPCHook): boolean {
    return (
      this.#accessKey === other.#accessKey &&
      this.#secretKey === other.#secretKey &&
      (this.#securityToken ?? '') === (other.#securityToken ?? '')
    )
  }
}
