import { requiredText } from '../../protocol/header-fields.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** BROKER_HEARTBEAT: header `clusterName`, `brokerAddr`; keeps a registration alive. */
export function brokerHeartbeat({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    routes.touch(requiredText(request.extFields, 'clusterName'), requiredText(request.extFields, 'brokerAddr'))
    return success(request)
  }
}
