import { ACCESS_KEY, aclContent, aclSignature, SIGNATURE } from '../../protocol/acl-signature.ts'
import type { RPCHook } from '../../transport/rpc-hook.ts'
import type { AclOptions } from './acl-options.ts'

/**
 * Signs what a broker asks of another one, as the first administrator among the accounts: a slave reads its master's tables. Undefined
 * where there is no administrator: the slave's address has to be on the white list then, as with RocketMQ.
 */
export function ownRequestsHook(acl: AclOptions | undefined): RPCHook | undefined {
  const administrator = acl?.accounts.find(({ admin }) => admin === true)
  if (administrator === undefined) return undefined
  const { accessKey, secretKey } = administrator
  return {
    doBeforeRequest(_addr, request) {
      const fields = request.extFields
      fields[ACCESS_KEY] = accessKey
      fields[SIGNATURE] = aclSignature(secretKey, aclContent(fields, request.body))
    },
    doAfterResponse() {}
  }
}
