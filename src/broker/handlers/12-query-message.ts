import { ResponseCode } from '../../protocol/codes.ts'
import { clampedLong, requiredInt, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 12: messages of a topic by key, or by unique key. Clients send `Long.MAX_VALUE` as the end. */
export function queryMessage(broker: BrokerServices): RequestHandler {
  return (request) => {
    const fields = request.extFields
    const topic = requiredText(fields, 'topic')
    const key = requiredText(fields, 'key')
    let maxNum = requiredInt(fields, 'maxNum')
    if (fields['_UNIQUE_KEY_QUERY'] === 'true') maxNum = broker.config.defaultQueryMaxNum
    const begin = clampedLong(fields, 'beginTimestamp')
    const end = clampedLong(fields, 'endTimestamp')
    const found = broker.store.queryMessage(topic, key, maxNum, begin, end)
    const ext = {
      indexLastUpdateTimestamp: String(found.indexLastUpdateTimestamp),
      indexLastUpdatePhyoffset: String(found.indexLastUpdatePhyoffset)
    }
    if (found.messages.length === 0) {
      return RemotingCommand.response(
        request,
        ResponseCode.QUERY_NOT_FOUND,
        'can not find message, maybe time range not correct',
        ext
      )
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, ext, Buffer.concat(found.messages))
  }
}
