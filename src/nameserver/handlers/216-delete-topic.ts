import { requiredText } from '../../protocol/header-fields.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** DELETE_TOPIC_IN_NAMESRV: header `topic`, and `clusterName` to delete it in one cluster only. */
export function deleteTopic({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    routes.deleteTopic(requiredText(request.extFields, 'topic'), request.extFields['clusterName'])
    return success(request)
  }
}
