import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { ConsumeStats } from '../stats/consume-stats.ts'

/** Code 317: how far every group is behind; with `isOrder` only in ordered topics. */
export function getBrokerConsumeStats(broker: BrokerServices): RequestHandler {
  return (request) => {
    const isOrder = booleanField(request.extFields, 'isOrder')
    const groups: string[] = []
    let totalDiff = 0
    let totalInflightDiff = 0
    for (const group of broker.subscriptionGroupManager.table.keys()) {
      const list: string[] = []
      for (const topic of broker.consumerOffsetManager.whichTopicByConsumer(group)) {
        const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
        if (topicConfig === undefined || (isOrder && !topicConfig.order)) continue
        if (broker.consumerManager.hasLeftTopic(group, topic)) continue
        const stats = new ConsumeStats()
        stats.add(broker, group, topic, topicConfig.writeQueueNums)
        totalDiff += stats.totalDiff
        totalInflightDiff += stats.totalInflightDiff
        list.push(stats.encode())
      }
      groups.push(`{${JSON.stringify(group)}:[${list.join(',')}]}`)
    }
    const brokerAddr = JSON.stringify(broker.addr)
    const body = `{"brokerAddr":${brokerAddr},"consumeStatsList":[${groups.join(',')}],"totalDiff":${totalDiff},"totalInflightDiff":${totalInflightDiff}}`
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(body))
  }
}
