import { ResponseCode } from '../../protocol/codes.ts'
import { requiredInt, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 30: the offset the next message of a queue will get; 0 for queues that do not exist. */
export function getMaxOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const offset = Math.max(0, broker.store.getMaxOffsetInQueue(topic, requiredInt(request.extFields, 'queueId')))
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, { offset: String(offset) })
  }
}

/** Code 31: the first offset a queue still holds. 5.3.3 answers with an empty remark. */
export function getMinOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const offset = Math.max(0, broker.store.getMinOffsetInQueue(topic, requiredInt(request.extFields, 'queueId')))
    return RemotingCommand.response(request, ResponseCode.SUCCESS, '', { offset: String(offset) })
  }
}

/** Code 32: when the first message of a queue was stored; -1 when there is none. */
export function getEarliestMessageStoreTime(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const timestamp = broker.store.getEarliestMessageTime(topic, requiredInt(request.extFields, 'queueId'))
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, { timestamp: String(timestamp) })
  }
}
