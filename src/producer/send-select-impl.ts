import { withoutNamespace, wrapNamespace } from '../client/namespace-util.ts'
import { isPromise } from '../internal/async.ts'
import { MQClientException, RemotingTooMuchRequestException } from '../internal/errors.ts'
import { textOf } from '../internal/logger.ts'
import { Message } from '../protocol/message.ts'
import { MessageQueue } from '../protocol/message-queue.ts'
import { copyProperties } from './copy-properties.ts'
import type { ProducerContext } from './producer-context.ts'
import type { SendCall } from './send-call.ts'
import { attemptError, toRocketMQError } from './send-error.ts'
import { sendKernelImpl } from './send-kernel-impl.ts'
import type { MessageQueueSelector } from './send-options.ts'

/** Asks the caller's selector for the queue, then sends to it: one attempt, whatever happens. */
export function sendSelectImpl(call: SendCall, now: number): void {
  let mq: MessageQueue
  try {
    mq = select(call)
  } catch (error) {
    call.failUnsent(toRocketMQError(error))
    return
  }
  // The selector may have aborted the call.
  if (!call.settled) sendToQueue(call, mq, now)
}

/** Sends to this queue: one attempt. */
export function sendToQueue(call: SendCall, mq: MessageQueue, now: number): void {
  sendKernelImpl(call, mq, call.deadline - now, now, (error, result) => {
    if (!call.endAttempt(error, result)) return
    if (error === undefined) return call.succeed(result)
    call.fail(attemptError(call.failedSend(error)))
  })
}

/** @throws RocketMQError when there is no queue to send to, or no time left. */
function select(call: SendCall): MessageQueue {
  const queue = selectQueue(call.context, call.topic.name, call.message, call.selector, call.arg)
  // A selector may have taken its time.
  if (call.remaining() <= 0) throw new RemotingTooMuchRequestException('sendSelectImpl call timeout', { code: 'SEND_TIMEOUT' })
  return queue
}

/**
 * Asks a selector for the queue, with its namespace. It sees a copy of the message, and topics without namespace.
 * @param topic with its namespace.
 * @throws RocketMQError when there is no route, or the selector throws or gives none.
 */
export function selectQueue(
  { config, instance, slab }: ProducerContext,
  topic: string,
  message: Message,
  selector: MessageQueueSelector | undefined,
  arg: unknown
): MessageQueue {
  const { namespace } = config
  const queues = instance.publishInfo(topic)?.messageQueues
  if (queues === undefined) {
    throw new MQClientException(`No route info for this topic, ${topic}`, { code: 'NO_ROUTE', responseCode: 10005 })
  }
  const { body, flag, properties } = message
  const own = namespace === undefined ? queues : queues.map((queue) => renamed(queue, withoutNamespace(queue.topic, namespace)))
  let selected: MessageQueue | undefined
  try {
    selected = selector?.(
      own,
      Message.of(withoutNamespace(message.topic, namespace), slab.copy(body), flag, copyProperties(properties)),
      arg
    )
  } catch (cause) {
    throw new MQClientException('select message queue threw exception.', {
      code: 'SELECTOR',
      hint: `The selector threw: ${textOf(cause)}`,
      cause
    })
  }
  if (!isQueue(selected)) {
    // An async selector: its rejection is nobody's, and must not end the process.
    if (isPromise(selected)) Promise.resolve(selected).catch(() => {})
    throw new MQClientException('select message queue return null.', {
      code: 'SELECTOR',
      hint: 'The selector has to return one of the queues it was given, and not a promise.'
    })
  }
  return namespace === undefined ? selected : renamed(selected, wrapNamespace(namespace, selected.topic))
}

export function isQueue(value: unknown): value is MessageQueue {
  const queue = value as MessageQueue | null | undefined
  return typeof queue === 'object' && queue !== null && typeof queue.brokerName === 'string' && Number.isInteger(queue.queueId)
}

function renamed(queue: MessageQueue, topic: string): MessageQueue {
  return new MessageQueue(topic, queue.brokerName, queue.queueId)
}
