import { ResponseCode } from '../../protocol/codes.ts'
import { encodeKVTable } from '../../protocol/kv-table.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success, textOrNull } from '../handler-context.ts'

/** GET_KVLIST_BY_NAMESPACE: header `namespace`; body `{"table":{key:value}}`. */
export function getKVListByNamespace({ kvConfig }: HandlerContext): RequestHandler {
  return (request) => {
    const { namespace } = request.extFields
    const table = kvConfig.list(namespace)
    if (table !== undefined) return success(request, encodeKVTable(table))
    return RemotingCommand.response(request, ResponseCode.QUERY_NOT_FOUND, `No config item, Namespace: ${textOrNull(namespace)}`)
  }
}
