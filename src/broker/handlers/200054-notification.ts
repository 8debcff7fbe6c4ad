import type { MaybePromise } from '../../internal/async.ts'
import { deferred } from '../../internal/async.ts'
import { logText } from '../../internal/logger.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import {
  booleanField,
  optionalLong,
  optionalText,
  requiredInt,
  requiredLong,
  requiredText
} from '../../protocol/header-fields.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { isReadable } from '../../protocol/perm.ts'
import { buildPopRetryTopic } from '../../protocol/pop-extra-info.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { nextPopOffset, popQueueNums } from '../pop/pop-queues.ts'
import { type PopTarget, popRefusal } from '../pop/pop-refusal.ts'
import { NOT_SET } from '../remarks.ts'

interface Wish extends PopTarget {
  order: boolean
  attemptId: string | undefined
}

/**
 * Code 200054: whether a pop would bring something, once it would or when `pollTime` ms have passed; nothing is popped. Java's
 * `NotificationProcessor`, whose filters no client sets.
 */
export function notification(broker: BrokerServices): RequestHandler {
  return (request, connection): MaybePromise<OutgoingFrame | undefined> => {
    const { clock, config, logger } = broker
    const waiting = broker.pop.notifications
    const { extFields } = request
    const wish: Wish = {
      group: requiredText(extFields, 'consumerGroup'),
      topic: requiredText(extFields, 'topic'),
      queueId: requiredInt(extFields, 'queueId'),
      order: booleanField(extFields, 'order'),
      attemptId: optionalText(extFields, 'attemptId')
    }
    const { group, topic, queueId } = wish
    const answer = (hasMsg: boolean, pollingFull = false): RemotingCommand =>
      RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET, {
        hasMsg: String(hasMsg),
        pollingFull: String(pollingFull)
      })
    const refuse = (code: number, remark: string): RemotingCommand =>
      RemotingCommand.response(request, code, remark, { hasMsg: 'false', pollingFull: 'false' })

    const pollTime = requiredLong(extFields, 'pollTime')
    const bornTime = optionalLong(extFields, 'bornTime') || clock.now()
    if (!isReadable(config.brokerPermission)) {
      return refuse(ResponseCode.NO_PERMISSION, `the broker[${broker.brokerIP}] peeking message is forbidden`)
    }
    const refusal = popRefusal(broker, wish, connection)
    if (refusal !== undefined) return refuse(refusal.code, refusal.remark)

    const waits = request.isOneway ? 0 : Math.min(bornTime + pollTime - clock.now(), pollTime)
    const deadline = clock.monotonic() + Math.max(0, waits)
    const outcome = deferred<OutgoingFrame | undefined>()
    /** @returns the answer, unless it waits. */
    const lookOrWait = (): RemotingCommand | undefined => {
      const found = hasMessages(broker, wish)
      if (found || clock.monotonic() >= deadline) return answer(found)
      const result = waiting.polling({
        group,
        topic,
        queueId: Math.max(-1, queueId),
        filter: undefined,
        connection,
        deadline,
        execute: () => {
          try {
            const settled = lookOrWait()
            if (settled !== undefined) outcome.resolve(settled)
          } catch (error) {
            logger.warn(`a held notification of ${logText(topic)} failed: ${logText(error)}`)
            outcome.reject(error)
          }
        },
        abandon: () => outcome.resolve(undefined)
      })
      return result === 'WAITS' ? undefined : answer(false, result === 'FULL')
    }
    return lookOrWait() ?? outcome.promise
  }
}

function hasMessages(broker: BrokerServices, wish: Wish): boolean {
  const { group, topic, queueId, order, attemptId } = wish
  const hasAny = (name: string, only = -1): boolean => {
    const queues = only >= 0 ? [only] : Array.from({ length: popQueueNums(broker, name) }, (_, id) => id)
    return queues.some((id) => {
      const queue = { topic: name, group, queueId: id }
      if (order && broker.pop.orderedMessages.isBlocked(queue, attemptId)) return false
      const offset = nextPopOffset(broker, queue) ?? Math.max(0, broker.store.getMinOffsetInQueue(name, id))
      return broker.store.getMaxOffsetInQueue(name, id) > offset
    })
  }
  // What is popped in order never goes to the retry topic.
  return hasAny(topic, queueId) || (!order && hasAny(buildPopRetryTopic(topic, group)))
}
