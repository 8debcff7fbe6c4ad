import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** DELETE_KV_CONFIG: header `namespace`, `key`. */
export function deleteKVConfig({ kvConfig }: HandlerContext): RequestHandler {
  return (request) => {
    const { namespace, key } = request.extFields
    kvConfig.delete(namespace, key)
    return success(request)
  }
}
