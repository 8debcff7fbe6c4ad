import { ResponseCode } from '../../protocol/codes.ts'
import type { ExtFields } from '../../protocol/ext-fields.ts'
import { requiredLong } from '../../protocol/header-fields.ts'
import { POP_ORDER_REVIVE_QUEUE } from '../../protocol/pop-extra-info.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { poppedMessageOf } from '../pop/popped-message.ts'
import { NOT_SET } from '../remarks.ts'

/** Java's client reads these fields whatever the code is. */
const NOTHING_CHANGED: ExtFields = { popTime: '0', invisibleTime: '0', reviveQid: '0' }

/**
 * Code 200053: a popped message stays the consumer's for so long from now; how Java's push consumer puts off what it could not process.
 * The answer has a new pop time, which its acknowledgement has to name; of messages popped in order it stays the same. Whoever does not
 * hold the message any more gets the same answer, as with 5.3.3. Java's `ChangeInvisibleTimeProcessor`.
 */
export function changeMessageInvisibleTime(broker: BrokerServices): RequestHandler {
  return (request, connection) => {
    const invisibleTime = requiredLong(request.extFields, 'invisibleTime')
    const popped = poppedMessageOf(broker, request, connection)
    if ('code' in popped) return RemotingCommand.response(request, popped.code, popped.remark, NOTHING_CHANGED)
    const { queue, offset, min, max } = popped
    if (offset < min || offset >= max) return RemotingCommand.response(request, ResponseCode.NO_MESSAGE, NOT_SET, NOTHING_CHANGED)
    const { popTime, reviveQid } = popped.proof()
    const now = broker.clock.now()
    if (reviveQid === POP_ORDER_REVIVE_QUEUE) {
      const { topic, group, queueId } = queue
      const isConsumed = offset < broker.consumerOffsetManager.queryOffset(group, topic, queueId)
      if (isConsumed) return RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET, NOTHING_CHANGED)
      broker.pop.orderedMessages.changeInvisibleTime(queue, offset, popTime, invisibleTime)
      return RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET, {
        popTime: String(popTime),
        invisibleTime: String(now + invisibleTime - popTime),
        reviveQid: String(reviveQid)
      })
    }
    broker.pop.inFlightMessages.changeInvisibleTime(queue, offset, popTime, now, invisibleTime)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET, {
      popTime: String(now),
      invisibleTime: String(invisibleTime),
      reviveQid: String(reviveQid)
    })
  }
}
