import { ResponseCode } from '../../protocol/codes.ts'
import { isObject, parseRequestObject } from '../../protocol/fastjson.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { isTagType } from '../client/subscription.ts'
import { Sql92SyntaxError } from '../filter/sql92-tokens.ts'

/** Code 46: whether a subscription can be served. Tags can, SQL92 where `enablePropertyFilter` is set and the expression is right. */
export function checkClientConfig(broker: BrokerServices): RequestHandler {
  return (request) => {
    const body = request.body === undefined ? undefined : parseRequestObject(request.body, 'the client configuration')
    const subscription = isObject(body?.['subscriptionData']) ? body['subscriptionData'] : undefined
    const type = subscription?.['expressionType']
    if (typeof type !== 'string' || isTagType(type)) return RemotingCommand.response(request, ResponseCode.SUCCESS)
    if (!broker.config.enablePropertyFilter) {
      return RemotingCommand.response(
        request,
        ResponseCode.SYSTEM_ERROR,
        `The broker does not support consumer to filter message by ${type.slice(0, 64)}`
      )
    }
    try {
      const expression = subscription?.['subString']
      broker.filterFactory.compile(type, typeof expression === 'string' ? expression : '')
    } catch (error) {
      if (!(error instanceof Sql92SyntaxError)) throw error
      return RemotingCommand.response(request, ResponseCode.SUBSCRIPTION_PARSE_FAILED, error.message)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}
