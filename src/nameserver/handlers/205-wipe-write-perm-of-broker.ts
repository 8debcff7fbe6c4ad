import { emptyExtFields } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** WIPE_WRITE_PERM_OF_BROKER: header `brokerName`; the answer's header has `wipeTopicCount`. */
export function wipeWritePermOfBroker({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const fields = emptyExtFields()
    fields['wipeTopicCount'] = String(routes.topicQueues.changeWritePerm(request.extFields['brokerName'], false))
    return success(request, undefined, fields)
  }
}
