import { RemotingCommandException } from '../../internal/errors.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { clampedLong, optionalInt, optionalLong, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/**
 * Code 222: sets a group's positions back or forward, in one queue or in all. Consumers learn it from their next pull, and those that
 * are held are answered at once; Java's `AdminBrokerProcessor.resetOffset` with `useServerSideResetOffset`.
 */
export function invokeBrokerToResetOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const fields = request.extFields
    const topic = requiredText(fields, 'topic')
    const group = requiredText(fields, 'group')
    const timestamp = clampedLong(fields, 'timestamp')
    const queueId = optionalInt(fields, 'queueId') ?? -1
    const offset = optionalLong(fields, 'offset') ?? -1
    const refuse = (code: number, remark: string): RemotingCommand => RemotingCommand.response(request, code, remark)
    if (broker.storeConfig.brokerRole === 'SLAVE')
      return refuse(ResponseCode.SYSTEM_ERROR, 'Can not reset offset in slave broker')
    const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
    if (topicConfig === undefined) return refuse(ResponseCode.TOPIC_NOT_EXIST, `Topic ${topic} does not exist`)
    if (!broker.subscriptionGroupManager.contains(group)) {
      return refuse(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, `Group ${group} does not exist`)
    }
    if (queueId >= topicConfig.readQueueNums) {
      throw new RemotingCommandException(`queueId ${queueId} is not one of the topic's ${topicConfig.readQueueNums} queues`, {
        code: 'BAD_FIELD'
      })
    }
    const { store } = broker
    if (queueId >= 0 && offset !== -1) {
      const min = store.getMinOffsetInQueue(topic, queueId)
      const max = store.getMaxOffsetInQueue(topic, queueId)
      if (offset < Math.max(0, min) || offset > max + 1) {
        return refuse(ResponseCode.SYSTEM_ERROR, `Target offset ${offset} not in consume queue range [${min}-${max}]`)
      }
    }
    const queues = queueId >= 0 ? [queueId] : Array.from({ length: topicConfig.readQueueNums }, (_, id) => id)
    const target = (id: number): number => {
      if (queueId >= 0 && offset !== -1) return offset
      const found =
        timestamp < 0 ? store.getMaxOffsetInQueue(topic, id) : store.getOffsetInQueueByTime(topic, id, timestamp, 'LOWER')
      return Math.max(0, found)
    }
    const targets = queues.map((id) => [id, target(id)] as const)
    for (const [id, next] of targets) {
      broker.consumerOffsetManager.assignResetOffset(group, topic, id, next)
      broker.pullRequestHoldService.wakeUp(topic, id, group)
      broker.pop.wake({ topic, group, queueId: id })
    }
    return RemotingCommand.response(
      request,
      ResponseCode.SUCCESS,
      undefined,
      undefined,
      encodeResetOffsetBody(topic, broker.config.brokerName, targets)
    )
  }
}

/** fastjson writes the queues, which are keys, as objects. */
function encodeResetOffsetBody(topic: string, brokerName: string, targets: ReadonlyArray<readonly [number, number]>): Buffer {
  const entries = targets.map(([queueId, offset]) => `${JSON.stringify({ brokerName, queueId, topic })}:${offset}`)
  return Buffer.from(`{"offsetTable":{${entries.join(',')}}}`)
}
