import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField, optionalText, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { isLegalGroup } from '../names.ts'

/**
 * Code 314: a group goes on from where another one is, in one topic or, without `topic`, in all of them (5.3.3 then copies nothing). Unless
 * `offline`, topics that the other group's members have left stay out.
 */
export function cloneGroupOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const srcGroup = requiredText(request.extFields, 'srcGroup')
    const destGroup = requiredText(request.extFields, 'destGroup')
    if (!isLegalGroup(destGroup)) {
      return RemotingCommand.response(request, ResponseCode.INVALID_PARAMETER, 'destGroup is not a legal name of a group')
    }
    const topic = optionalText(request.extFields, 'topic')?.trim() ?? ''
    const topics = topic === '' ? broker.consumerOffsetManager.whichTopicByConsumer(srcGroup) : [topic]
    for (const name of topics) {
      if (broker.topicConfigManager.selectTopicConfig(name) === undefined) continue
      if (!booleanField(request.extFields, 'offline') && broker.consumerManager.hasLeftTopic(srcGroup, name)) continue
      broker.consumerOffsetManager.cloneOffset(srcGroup, destGroup, name)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}
