import { LONGEST_TIMEOUT, shown } from '../client/check-options.ts'
import { wrapNamespace } from '../client/namespace-util.ts'
import { MQClientException, RemotingTooMuchRequestException } from '../internal/errors.ts'
import { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { createUniqId } from '../protocol/message-id.ts'
import { MessageQueue } from '../protocol/message-queue.ts'
import { LARGEST_COPIED_BODY } from '../protocol/outgoing-frame.ts'
import { noRoom } from './back-pressure.ts'
import type { CommunicationMode } from './communication-mode.ts'
import { copyProperties } from './copy-properties.ts'
import { refuseForeignSendOptions } from './foreign-send-options.ts'
import { MessageBatch } from './message-batch.ts'
import type { ProducerContext } from './producer-context.ts'
import type { PublishTopic, PublishTopics } from './publish-topic.ts'
import { abortedError, SendCall, type SendOutcome } from './send-call.ts'
import type { ObservedSend } from './send-operation.ts'
import type { SendOptions } from './send-options.ts'
import { isQueue } from './send-select-impl.ts'
import { checkBatchAnswer, checkBody, checkIsSignal, checkMessage, illegal } from './validators.ts'

/**
 * Checks what the caller passed and takes its copy: from here on the caller may do with its message what it likes, and the message is
 * never changed.
 * @throws MQClientException for wrong use.
 */
export function createSendCall(
  context: ProducerContext,
  topics: PublishTopics,
  input: Message | readonly Message[],
  options: SendOptions,
  mode: CommunicationMode,
  outcome: SendOutcome,
  observed?: ObservedSend | undefined
): SendCall {
  const { config, clock } = context
  if (typeof options !== 'object') throw notOptions(options)
  const { signal } = options
  if (signal !== undefined) checkSignal(signal)
  const timeout = checkTimeout(options.timeout ?? config.sendMsgTimeout)

  const batch = Array.isArray(input)
  const messages = input as readonly Message[]
  const message = input as Message
  const first = batch ? messages[0] : message
  if (batch && first === undefined) throw notABatch(illegal('there is no message in the list'))
  checkMessage(first as Message)
  const topic = topics.get((first as Message).topic)
  const queue = targetQueue(context, options, topic, mode)
  const borrows = !batch && options.selector === undefined && observed === undefined && mayBorrow(context, message.body)
  if (!batch && !borrows) refuseEarly(context, message)
  const now = clock.now()
  const copy = batch ? batchOf(context, topic, messages, now, observed) : copyOf(context, topic, message, borrows, now)
  if (observed !== undefined && !batch) observed.start([copy])
  const call = new SendCall(
    context,
    mode,
    topic,
    copy,
    batch,
    attemptsFor(context, options, mode),
    clock.monotonic(),
    now,
    timeout,
    queue,
    options,
    outcome
  )
  call.borrowsBody = borrows
  if (observed !== undefined) observed.call = call
  return call
}

/** A body that is copied here and now is not copied for nothing. */
function refuseEarly({ backPressure, config, stats }: ProducerContext, { body, uniqKey }: Message): void {
  if (backPressure === undefined || !ArrayBuffer.isView(body)) return
  const mayWait = config.whenFull === 'wait'
  if (!backPressure.refuses(body.length, mayWait)) return
  stats.refusedFull++
  throw noRoom(backPressure, body.length, mayWait ? 'and the line is full' : 'and whenFull is reject', uniqKey)
}

/** A call for what is this producer's own already: a message copied and checked before, or a batch of such messages. */
export function createOwnCall(
  context: ProducerContext,
  topic: PublishTopic,
  message: Message,
  queue: MessageQueue | undefined,
  mode: CommunicationMode,
  outcome: SendOutcome
): SendCall {
  const { config, clock } = context
  const options: SendOptions = { queue }
  const batch = message instanceof MessageBatch
  const attempts = attemptsFor(context, options, mode)
  const begin = clock.monotonic()
  const born = clock.now()
  const { sendMsgTimeout } = config
  return new SendCall(context, mode, topic, message, batch, attempts, begin, born, sendMsgTimeout, queue, options, outcome)
}

/** @throws MQClientException for something else than a signal, or when it has aborted. */
export function checkSignal(signal: AbortSignal): void {
  checkIsSignal(signal)
  if (signal.aborted) throw abortedError(signal)
}

export function notOptions(options: unknown): MQClientException {
  return new MQClientException(`the options of a send are ${shown(options)}: allowed is an object`, {
    code: 'ILLEGAL_ARGUMENT',
    hint: 'send(message, { timeout, queue, selector, arg, signal }): by name, where Java takes a list.'
  })
}

/** @throws MQClientException when it is no number of ms that a timer takes; RemotingTooMuchRequestException when nothing is left. */
export function checkTimeout(timeout: number): number {
  if (typeof timeout !== 'number' || !(timeout <= LONGEST_TIMEOUT)) {
    throw illegal(`timeout is ${shown(timeout)}: a number of ms up to ${LONGEST_TIMEOUT} is needed`)
  }
  if (timeout <= 0) {
    throw new RemotingTooMuchRequestException('sendDefaultImpl call timeout', {
      code: 'SEND_TIMEOUT',
      hint: `The timeout that was given is ${timeout} ms: leave it out for sendMsgTimeout; there is no send without one.`
    })
  }
  return timeout
}

/**
 * Whether the body can wait to be copied until it is encoded: ordinarily that is before the call returns, and then there is no other copy
 * to be made. Not where somebody else gets to see the body, or it is worked on before.
 */
function mayBorrow({ config, hooks, instance }: ProducerContext, body: Buffer): boolean {
  // Undefined where there is no body, and then nothing is borrowed: the error comes from the copy.
  const length = body?.length
  return (
    length <= LARGEST_COPIED_BODY &&
    length < config.compressMsgBodyOverHowmuch &&
    !hooks.any &&
    instance.remoting.rpcHooks.length === 0
  )
}

/** With its id and namespace. */
export function copyOf(context: ProducerContext, topic: PublishTopic, message: Message, borrows: boolean, now: number): Message {
  const { namespace, maxMessageSize } = context.config
  checkBody(message.body, maxMessageSize)
  const properties = copyProperties(message.properties)
  if (!properties.has(MessageConst.UNIQ_KEY)) properties.set(MessageConst.UNIQ_KEY, createUniqId(now))
  if (namespace !== undefined) properties.set(MessageConst.INSTANCE_ID, namespace)
  const body = borrows ? message.body : context.slab.copy(message.body)
  return Message.of(topic.name, body, message.flag, properties)
}

function batchOf(
  context: ProducerContext,
  topic: PublishTopic,
  messages: readonly Message[],
  now: number,
  observed: ObservedSend | undefined
): MessageBatch {
  const { maxMessageSize, maxResponseHeaderLength, namespace } = context.config
  let batch: MessageBatch
  try {
    for (const message of messages) {
      checkMessage(message)
      checkBody(message.body, maxMessageSize)
    }
    batch = MessageBatch.generateFromList(topic.name, messages, namespace, now, observed)
  } catch (error) {
    throw notABatch(error as Error)
  }
  checkBody(batch.body, maxMessageSize)
  checkBatchAnswer(messages.length, maxResponseHeaderLength)
  return batch
}

function notABatch(cause: Error): MQClientException {
  return new MQClientException(`Failed to initiate the MessageBatch: ${cause.message}`, { code: 'ILLEGAL_ARGUMENT', cause })
}

/** Without a target every attempt may choose another broker; a chosen queue is tried once. */
function attemptsFor({ config }: ProducerContext, options: SendOptions, mode: CommunicationMode): number {
  if (mode === 'ONEWAY' || options.queue !== undefined || options.selector !== undefined) return 1
  return 1 + (mode === 'SYNC' ? config.retryTimesWhenSendFailed : config.retryTimesWhenSendAsyncFailed)
}

/** The chosen queue, with its namespace; undefined when there is none. @throws MQClientException for wrong use. */
export function targetQueue(
  context: ProducerContext,
  options: SendOptions,
  topic: PublishTopic,
  mode: CommunicationMode
): MessageQueue | undefined {
  refuseForeignSendOptions(options)
  const { queue, selector } = options
  if (selector !== undefined) {
    if (queue !== undefined) throw illegal('queue and selector exclude each other')
    if (typeof selector !== 'function') throw illegal('selector is not a function')
  } else if (options.arg !== undefined) {
    // Without a selector nobody looks at it, and the order that was meant is lost silently.
    throw illegal('arg is given without a selector: selector: selectMessageQueueByHash keeps the messages of one arg in order')
  }
  if (queue === undefined) return undefined
  if (!isQueue(queue))
    throw illegal(
      'queue is not a MessageQueue: allowed is one of fetchPublishMessageQueues(topic), or new MessageQueue(topic, brokerName, queueId)'
    )
  const name = typeof queue.topic === 'string' ? wrapNamespace(context.config.namespace, queue.topic) : undefined
  if (name !== topic.name) {
    throw illegal(
      mode === 'ASYNC' ? 'Topic of the message does not match its target message queue' : "message's topic not equal mq's topic"
    )
  }
  return name === queue.topic ? queue : new MessageQueue(name, queue.brokerName, queue.queueId)
}
