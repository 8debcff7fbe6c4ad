import { MQClientException } from '../internal/errors.ts'
import {
  ACCESS_KEY,
  aclContent,
  aclSignature,
  ONS_CHANNEL,
  SECURITY_TOKEN,
  SIGNATURE,
  UNIQUE_KEY_QUERY,
  UNIQUE_KEY_QUERY_UNSIGNED
} from '../protocol/acl-signature.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { RPCHook } from '../transport/rpc-hook.ts'
import type { Credentials } from './credentials.ts'

/**
 * Signs requests: adds `AccessKey`, `SecurityToken`, `OnsChannel` and `Signature`, which covers every header field and the body. Has to be
 * the last hook: servers check all fields, so one that is added later (Java's zone fields) makes them refuse the request. The keys are
 * private fields, so nothing that prints this object prints them. Java's `AclClientRPCHook`.
 */
export class AclClientRPCHook implements RPCHook {
  readonly #accessKey: string
  readonly #secretKey: string
  readonly #securityToken: string
  readonly #onsChannel: string

  /** @throws MQClientException when a key is empty. */
  constructor(credentials: Credentials) {
    const { accessKey, secretKey, securityToken = '', onsChannel = '' } = credentials
    if (!isText(accessKey) || !isText(secretKey)) {
      throw new MQClientException('credentials need an accessKey and a secretKey that are not empty', { code: 'BAD_OPTION' })
    }
    this.#accessKey = accessKey
    this.#secretKey = secretKey
    this.#securityToken = securityToken
    this.#onsChannel = onsChannel
  }

  doBeforeRequest(_addr: string, request: RemotingCommand): void {
    const fields = request.extFields
    fields[ACCESS_KEY] = this.#accessKey
    if (this.#securityToken !== '') fields[SECURITY_TOKEN] = this.#securityToken
    if (this.#onsChannel !== '') fields[ONS_CHANNEL] = this.#onsChannel
    const leaveOut = UNIQUE_KEY_QUERY in fields ? UNIQUE_KEY_QUERY : ''
    // As a client of this version every broker leaves the field out; otherwise it would depend on the broker's version.
    if (leaveOut !== '') request.version = Math.min(request.version, UNIQUE_KEY_QUERY_UNSIGNED)
    fields[SIGNATURE] = aclSignature(this.#secretKey, aclContent(fields, request.body, leaveOut))
  }

  doAfterResponse(): void {}

  /** Whether both sign alike. */
  equals(other: AclClientRPCHook): boolean {
    return (
      this.#accessKey === other.#accessKey &&
      this.#secretKey === other.#secretKey &&
      this.#securityToken === other.#securityToken &&
      this.#onsChannel === other.#onsChannel
    )
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
