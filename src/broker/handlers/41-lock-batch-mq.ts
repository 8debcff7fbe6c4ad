import { RemotingCommandException } from '../../internal/errors.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { decodeLockBatchRequest, encodeLockBatchResponse } from '../../protocol/lock-batch.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { isLegalClientId, isLegalGroup, isLegalTopic } from '../names.ts'

/** Most queues in one request. */
const MAX_QUEUES = 65_535

/** Code 41: queues that a client of an orderly group wants for itself; answered with those it got. */
export function lockBatchMq(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { consumerGroup, clientId, mqSet } = decode(request)
    const lockOKMQSet = broker.rebalanceLockManager.tryLockBatch(consumerGroup, mqSet, clientId)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, encodeLockBatchResponse(lockOKMQSet))
  }
}

/** Code 42: gives queues back; those of others are left alone. */
export function unlockBatchMq(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { consumerGroup, clientId, mqSet } = decode(request)
    broker.rebalanceLockManager.unlockBatch(consumerGroup, mqSet, clientId)
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}

function decode(request: RemotingCommand): ReturnType<typeof decodeLockBatchRequest> {
  if (request.body === undefined) throw new RemotingCommandException('the request has no body', { code: 'BAD_BODY' })
  const body = decodeLockBatchRequest(request.body)
  if (!isLegalGroup(body.consumerGroup) || !isLegalClientId(body.clientId)) {
    throw new RemotingCommandException('consumerGroup or clientId is not a legal name', { code: 'BAD_FIELD' })
  }
  if (
    body.mqSet.length > MAX_QUEUES ||
    !body.mqSet.every((queue) => isLegalTopic(queue.topic) && isLegalTopic(queue.brokerName))
  ) {
    throw new RemotingCommandException('mqSet holds too many queues, or a topic or broker that is not a legal name', {
      code: 'BAD_FIELD'
    })
  }
  return body
}
