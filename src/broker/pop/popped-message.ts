import { requiredInt, requiredLong, requiredText } from '../../protocol/header-fields.ts'
import { decodePopExtraInfo } from '../../protocol/pop-extra-info.ts'
import type { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { Connection } from '../../transport/connection.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { PoppedQueue } from './in-flight-messages.ts'
import { popQueueError } from './pop-queue-error.ts'

/** The message that a consumer says it has popped, as requests about one name it. */
export interface PoppedMessage {
  queue: PoppedQueue
  offset: number
  /** When it was popped, and how, as the consumer was told then. @throws RemotingCommandException where that is no such text. */
  proof(): { popTime: number; reviveQid: number }
  /** Of its queue. */
  min: number
  max: number
}

/**
 * Header `consumerGroup`, `topic`, `queueId`, `offset`, `extraInfo`.
 * @returns what is wrong with its queue, where there is none like it.
 */
export function poppedMessageOf(
  broker: BrokerServices,
  request: RemotingCommand,
  connection: Connection
): PoppedMessage | { code: number; remark: string } {
  const fields = request.extFields
  const group = requiredText(fields, 'consumerGroup')
  const topic = requiredText(fields, 'topic')
  const queueId = requiredInt(fields, 'queueId')
  const offset = requiredLong(fields, 'offset')
  const extraInfo = requiredText(fields, 'extraInfo')
  const wrong = popQueueError(broker, topic, queueId, connection)
  if (wrong !== undefined) return wrong
  return {
    queue: { topic, group, queueId },
    offset,
    proof: () => decodePopExtraInfo(extraInfo),
    min: broker.store.getMinOffsetInQueue(topic, queueId),
    max: broker.store.getMaxOffsetInQueue(topic, queueId)
  }
}
