import { type BatchAck, decodeBatchAckRequest } from '../../protocol/batch-ack.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { POP_ORDER_REVIVE_QUEUE, realTopic } from '../../protocol/pop-extra-info.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { PoppedQueue } from '../pop/in-flight-messages.ts'
import { poppedMessageOf } from '../pop/popped-message.ts'

/**
 * Code 200051: a popped message was consumed. Whoever does not hold it any more, because its invisible time has ended, is not told, as
 * with 5.3.3: the message comes again. Java's `AckMessageProcessor`.
 */
export function ackMessage(broker: BrokerServices): RequestHandler {
  return (request, connection) => {
    const refuse = (code: number, remark: string): RemotingCommand => RemotingCommand.response(request, code, remark)
    const popped = poppedMessageOf(broker, request, connection)
    if ('code' in popped) return refuse(popped.code, popped.remark)
    const { queue, offset, min, max } = popped
    const { topic, group, queueId } = queue
    if (offset < min || offset > max) {
      return refuse(ResponseCode.NO_MESSAGE, `offset is illegal, key:${topic}@${queueId}, commit:${offset}, store:${min}~${max}`)
    }
    const { popTime, reviveQid } = popped.proof()
    if (reviveQid !== POP_ORDER_REVIVE_QUEUE) broker.pop.inFlightMessages.ack(queue, offset, popTime)
    else if (!ackInOrder(broker, queue, offset, popTime)) {
      const old = broker.consumerOffsetManager.queryOffset(group, topic, queueId)
      const remark = `offset is illegal, key:${topic}@${group}@${queueId}, old:${old}, commit:${offset}, next:-1, /${connection.remoteAddr}`
      return refuse(ResponseCode.MESSAGE_ILLEGAL, remark)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}

/** Code 200151: the same for many messages of many pops. */
export function batchAckMessage(broker: BrokerServices): RequestHandler {
  return (request) => {
    const acks = request.body === undefined ? [] : decodeBatchAckRequest(request.body)
    if (acks.length === 0) return RemotingCommand.response(request, ResponseCode.NO_MESSAGE)
    for (const ack of acks) acknowledge(broker, ack)
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}

function acknowledge(broker: BrokerServices, ack: BatchAck): void {
  const topic = realTopic(ack.topic, ack.consumerGroup, ack.retry)
  const queue = { topic, group: ack.consumerGroup, queueId: ack.queueId }
  const { bitSet } = ack
  const isSet = (bit: number): boolean => ((bitSet[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0
  if (ack.reviveQid === POP_ORDER_REVIVE_QUEUE) {
    for (const offset of broker.pop.orderedMessages.heldOffsets(queue)) {
      if (offset >= ack.startOffset && isSet(offset - ack.startOffset)) ackInOrder(broker, queue, offset, ack.popTime)
    }
    return
  }
  broker.pop.inFlightMessages.ackAll(queue, ack.startOffset, ack.popTime, isSet)
}

/** @returns false when the pop did not bring the message. */
function ackInOrder(broker: BrokerServices, queue: PoppedQueue, offset: number, popTime: number): boolean {
  const { consumerOffsetManager, pop } = broker
  const { group, topic, queueId } = queue
  if (offset < consumerOffsetManager.queryOffset(group, topic, queueId)) return true
  const next = pop.orderedMessages.ack(queue, offset, popTime)
  if (next === 'illegal') return false
  if (next === undefined) return true
  if (!consumerOffsetManager.hasOffsetReset(group, topic, queueId)) {
    consumerOffsetManager.commitOffset(group, topic, queueId, next)
  }
  if (!pop.orderedMessages.isBlocked(queue, undefined)) pop.wake(queue)
  return true
}
