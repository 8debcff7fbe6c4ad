import { ResponseCode } from '../../protocol/codes.ts'
import { emptyExtFields, RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success, textOrNull } from '../handler-context.ts'

/** GET_KV_CONFIG: header `namespace`, `key`; the answer's header has `value`. */
export function getKVConfig({ kvConfig }: HandlerContext): RequestHandler {
  return (request) => {
    const { namespace, key } = request.extFields
    const fields = emptyExtFields()
    const value = kvConfig.get(namespace, key)
    if (value !== undefined) {
      fields['value'] = value
      return success(request, undefined, fields)
    }
    const remark = `No config item, Namespace: ${textOrNull(namespace)} Key: ${textOrNull(key)}`
    return RemotingCommand.response(request, ResponseCode.QUERY_NOT_FOUND, remark, fields)
  }
}
