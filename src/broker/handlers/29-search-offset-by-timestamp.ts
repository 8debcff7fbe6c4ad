import { ResponseCode } from '../../protocol/codes.ts'
import { clampedLong, requiredInt, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 29: the consume queue offset of a store time. `boundaryType` is LOWER unless it says upper, in any case. */
export function searchOffsetByTimestamp(broker: BrokerServices): RequestHandler {
  return (request) => {
    const fields = request.extFields
    const topic = requiredText(fields, 'topic')
    const queueId = requiredInt(fields, 'queueId')
    const timestamp = clampedLong(fields, 'timestamp')
    const boundary = fields['boundaryType']?.toLowerCase() === 'upper' ? 'UPPER' : 'LOWER'
    const offset = broker.store.getOffsetInQueueByTime(topic, queueId, timestamp, boundary)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, { offset: String(offset) })
  }
}
