import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success, systemError } from '../handler-context.ts'

/** PUT_KV_CONFIG: header `namespace`, `key`, `value`; an absent value removes the key. */
export function putKVConfig({ kvConfig }: HandlerContext): RequestHandler {
  return (request) => {
    const { namespace, key, value } = request.extFields
    if (namespace === undefined || key === undefined) return systemError(request, 'namespace or key is null')
    kvConfig.put(namespace, key, value)
    return success(request)
  }
}
