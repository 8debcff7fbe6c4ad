import { requiredText } from '../../protocol/header-fields.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** UNREGISTER_BROKER: header `brokerName`, `brokerAddr`, `clusterName`, `brokerId`. */
export function unregisterBroker({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const fields = request.extFields
    routes.unregisterBroker(
      requiredText(fields, 'clusterName'),
      requiredText(fields, 'brokerAddr'),
      requiredText(fields, 'brokerName')
    )
    return success(request)
  }
}
