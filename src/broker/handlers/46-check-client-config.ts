import { ResponseCode } from '../../protocol/codes.ts'
import { parseFastjson } from '../../protocol/fastjson.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { isTagType } from '../client/subscription.ts'

/** Code 46: whether a subscription can be served. Tags can; SQL92 is refused as by a broker with `enablePropertyFilter=false`. */
export function checkClientConfig(): RequestHandler {
  return (request) => {
    const body =
      request.body === undefined ? undefined : (parseFastjson(request.body.toString()) as Record<string, unknown> | null)
    const subscription = body?.['subscriptionData'] as Record<string, unknown> | null | undefined
    const type = subscription?.['expressionType']
    if (typeof type === 'string' && !isTagType(type)) {
      return RemotingCommand.response(
        request,
        ResponseCode.SYSTEM_ERROR,
        `The broker does not support consumer to filter message by ${type.slice(0, 64)}`
      )
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}
