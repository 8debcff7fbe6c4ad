import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { encodeConsumerOffsets, encodeDelayOffsets } from '../slave/slave-tables.ts'

/** Code 43: what a slave takes over of consumers' positions. */
export function getAllConsumerOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const body = encodeConsumerOffsets(broker.consumerOffsetManager.offsetTable)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, body)
  }
}

/** Code 45: how far each delay level has been delivered. */
export function getAllDelayOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const body = encodeDelayOffsets(broker.delayOffsets)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, body)
  }
}
