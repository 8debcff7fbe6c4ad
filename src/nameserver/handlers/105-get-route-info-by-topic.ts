import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { encodeTopicRoute } from '../../protocol/topic-route.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success, textOrNull } from '../handler-context.ts'
import { ORDER_TOPIC_CONFIG } from '../kv-config-manager.ts'

/** From this version on (4.9.4) clients read standard JSON; older ones get numbers as keys without quotes. */
const STANDARD_JSON_VERSION = 401
const FAQ_TAIL = '\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.'

/** GET_ROUTEINFO_BY_TOPIC: header `topic`, `acceptStandardJsonOnly`; body the route. */
export function getRouteInfoByTopic({ routes, kvConfig, config }: HandlerContext): RequestHandler {
  return (request) => {
    const { topic } = request.extFields
    const route = routes.pickupTopicRouteData(topic)
    if (route === undefined) {
      const remark = `No topic route info in name server for the topic: ${textOrNull(topic)}${FAQ_TAIL}`
      return RemotingCommand.response(request, ResponseCode.TOPIC_NOT_EXIST, remark)
    }
    if (config.orderMessageEnable) route.orderTopicConf = kvConfig.get(ORDER_TOPIC_CONFIG, topic)
    const standard = request.version >= STANDARD_JSON_VERSION || booleanField(request.extFields, 'acceptStandardJsonOnly')
    return success(request, encodeTopicRoute(route, standard))
  }
}
