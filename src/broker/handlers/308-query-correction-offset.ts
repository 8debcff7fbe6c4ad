import { ResponseCode } from '../../protocol/codes.ts'
import { optionalText, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Java's `Long.MAX_VALUE`: nothing to correct. */
const NO_CORRECTION = '9223372036854775807'

/**
 * Code 308: by queue the lowest offset that any group has committed; `Long.MAX_VALUE` where the compared group is not ahead of it. 5.3.3
 * also deletes what the filtered groups have committed; here they are only left out.
 */
export function queryCorrectionOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const compareGroup = requiredText(request.extFields, 'compareGroup')
    const filtered = new Set((optionalText(request.extFields, 'filterGroups') ?? '').split(','))
    const { consumerOffsetManager, store } = broker
    const lowest = new Map<number, number>()
    for (const group of consumerOffsetManager.whichGroupByTopic(topic)) {
      if (filtered.has(group)) continue
      for (const [queueId, offset] of consumerOffsetManager.queryOffsets(group, topic) ?? []) {
        if (offset < store.getMinOffsetInQueue(topic, queueId)) continue
        lowest.set(queueId, Math.min(offset, lowest.get(queueId) ?? offset))
      }
    }
    const compared = consumerOffsetManager.queryOffsets(compareGroup, topic)
    const entries = [...lowest].map(([queueId, offset]) => {
      const own = compared?.get(queueId)
      return `${queueId}:${own !== undefined && offset > own ? NO_CORRECTION : offset}`
    })
    const body = `{"correctionOffsets":{${entries.join(',')}}}`
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(body))
  }
}
