import { emptyExtFields } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** ADD_WRITE_PERM_OF_BROKER: header `brokerName`; the answer's header has `addTopicCount`. */
export function addWritePermOfBroker({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const fields = emptyExtFields()
    fields['addTopicCount'] = String(routes.topicQueues.changeWritePerm(request.extFields['brokerName'], true))
    return success(request, undefined, fields)
  }
}
