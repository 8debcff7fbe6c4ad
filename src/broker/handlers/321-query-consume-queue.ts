import { ResponseCode } from '../../protocol/codes.ts'
import { optionalText, requiredInt, requiredLong, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { NOT_SET } from '../remarks.ts'

/** Units in one answer; Java has no such bound. */
const MAX_UNITS = 10_000

/** Code 321: units of a queue, from `index` on. */
export function queryConsumeQueue(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const queueId = requiredInt(request.extFields, 'queueId')
    const index = requiredLong(request.extFields, 'index')
    const count = Math.min(requiredInt(request.extFields, 'count'), MAX_UNITS)
    const group = optionalText(request.extFields, 'consumerGroup')
    const { store } = broker
    const minQueueIndex = store.getMinOffsetInQueue(topic, queueId)
    if (minQueueIndex < 0) {
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, `${queueId}@${topic} is not exist!`)
    }
    const maxQueueIndex = store.getMaxOffsetInQueue(topic, queueId)
    if (index < minQueueIndex || index >= maxQueueIndex) {
      return RemotingCommand.response(request, ResponseCode.SUCCESS, `Index ${index} of ${queueId}@${topic} is not exist!`)
    }
    const units: string[] = []
    for (let offset = index; offset < maxQueueIndex && units.length < count; offset++) {
      const unit = store.getConsumeQueueUnit(topic, queueId, offset)
      if (unit === undefined) break
      units.push(`{"eval":false,"physicOffset":${unit.physicalOffset},"physicSize":${unit.size},"tagsCode":${unit.tagsCode}}`)
    }
    const fields = [`"maxQueueIndex":${maxQueueIndex}`, `"minQueueIndex":${minQueueIndex}`, `"queueData":[${units.join(',')}]`]
    if (group !== undefined) {
      const subscription = broker.consumerManager.getConsumerGroupInfo(group)?.subscriptions.get(topic)
      const filterData = subscription === undefined ? `${group}@${topic} is not online!` : 'null'
      fields.push(`"filterData":${JSON.stringify(filterData)}`)
      if (subscription !== undefined) fields.push(`"subscriptionData":${JSON.stringify(subscription)}`)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET, undefined, Buffer.from(`{${fields.join(',')}}`))
  }
}
