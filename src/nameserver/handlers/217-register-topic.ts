import { requiredText } from '../../protocol/header-fields.ts'
import { decodeTopicRoute } from '../../protocol/topic-route.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** REGISTER_TOPIC_IN_NAMESRV: header `topic`; body a route, of which the queues are taken. */
export function registerTopic({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    if (request.body !== undefined) routes.registerTopic(topic, decodeTopicRoute(request.body).queueDatas)
    return success(request)
  }
}
