import type { SendCallback } from '../client/mq-client-api.ts'
import { withoutNamespace } from '../client/namespace-util.ts'
import { brokerVIPChannel } from '../client/vip-channel.ts'
import { MQClientException, RemotingTooMuchRequestException } from '../internal/errors.ts'
import { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { MessageQueue } from '../protocol/message-queue.ts'
import { encodeProperties } from '../protocol/properties.ts'
import type { SendMessageRequestHeader } from '../protocol/send-message-header.ts'
import { RETRY_PREFIX } from '../protocol/topics.ts'
import { copyProperties } from './copy-properties.ts'
import { MessageBatch } from './message-batch.ts'
import { messageTypeOf } from './message-type.ts'
import type { SendCall } from './send-call.ts'
import { toRocketMQError } from './send-error.ts'
import { checkBody } from './validators.ts'

/**
 * One attempt: the broker's address, hooks, header, request. The message has its id, namespace and compression already: they are the
 * same for every attempt. `done` is called once, synchronously when the attempt fails before anything is sent.
 *
 * @param timeoutMillis what this attempt may take.
 * @param now monotonic ms.
 */
export function sendKernelImpl(call: SendCall, mq: MessageQueue, timeoutMillis: number, now: number, done: SendCallback): void {
  const { context } = call
  const { config, hooks, instance } = context
  call.beginAttempt(mq, now)
  const found = instance.findBrokerAddressInPublish(mq.brokerName)
  if (found === undefined) {
    done(brokerNotExist(mq.brokerName), undefined)
    return
  }
  let addr = found
  try {
    if (config.vipChannelEnabled) addr = brokerVIPChannel(true, found)
  } catch (error) {
    done(toRocketMQError(error), undefined)
    return
  }
  call.addr = addr

  let message = call.message
  if (hooks.any) {
    // Hooks may change what this attempt sends; a later attempt has to find the original.
    if (call.attemptsMade < call.maxAttempts) message = copyForAttempt(call)
    try {
      runHooks(call, message)
      // A text that a hook put there would travel as so many zero bytes.
      if (!call.settled) checkBody(message.body, config.maxMessageSize)
    } catch (error) {
      done(toRocketMQError(error), undefined)
      return
    }
    if (call.settled) {
      // A hook aborted the call: its attempt has ended already.
      done(new MQClientException('the send was given up', { code: 'ABORTED' }), undefined)
      return
    }
    timeoutMillis -= context.clock.monotonic() - now
    if (timeoutMillis <= 0) {
      done(new RemotingTooMuchRequestException('sendKernelImpl call timeout', { code: 'SEND_TIMEOUT' }), undefined)
      return
    }
  }
  try {
    const header = requestHeader(call, message, mq)
    const own = config.namespace === undefined ? mq : ownQueue(mq, config.namespace)
    if (call.mode === 'ONEWAY') sendOneway(call, own, message, header, timeoutMillis, done)
    else call.bodyEncoded = instance.api.sendMessageAsync(addr, own, message, header, timeoutMillis, done, call)
  } catch (error) {
    done(toRocketMQError(error), undefined)
  }
}

function sendOneway(
  call: SendCall,
  mq: MessageQueue,
  message: Message,
  header: SendMessageRequestHeader,
  timeoutMillis: number,
  done: SendCallback
): void {
  call.context.instance.api.sendMessageOneway(call.addr, mq, message, header, timeoutMillis, call).then(
    () => done(undefined, undefined),
    (error: unknown) => done(toRocketMQError(error), undefined)
  )
}

function copyForAttempt(call: SendCall): Message {
  if (call.message instanceof MessageBatch) return call.message.copy()
  const { topic, body, flag, properties } = call.message
  return Message.of(topic, call.context.slab.copy(body), flag, copyProperties(properties))
}

function runHooks(call: SendCall, message: Message): void {
  const { config, hooks, instance, producer, producerGroup } = call.context
  const { mode, addr } = call
  const mq = call.mq as MessageQueue
  if (hooks.hasCheckForbiddenHook) {
    hooks.checkForbidden({
      nameSrvAddr: config.namesrvAddr,
      group: producerGroup,
      communicationMode: mode,
      brokerAddr: addr,
      message,
      mq,
      unitMode: config.unitMode
    })
  }
  if (!hooks.hasSendMessageHook || call.settled) return
  const context = {
    producer,
    producerGroup,
    communicationMode: mode,
    bornHost: instance.clientIP,
    brokerAddr: addr,
    message,
    mq,
    namespace: config.namespace,
    msgType: messageTypeOf(message.properties),
    mqTraceContext: undefined,
    props: new Map<string, string>(),
    sendResult: undefined,
    exception: undefined
  }
  call.hookContext = context
  hooks.before(context)
}

/** Built anew for every attempt: queue id and broker name are those of the queue that was chosen now. */
function requestHeader(call: SendCall, message: Message, mq: MessageQueue): SendMessageRequestHeader {
  const { config, clock, producerGroup } = call.context
  const { topic, properties } = message
  const header: SendMessageRequestHeader = {
    producerGroup,
    topic,
    defaultTopic: config.createTopicKey,
    defaultTopicQueueNums: config.defaultTopicQueueNums,
    queueId: mq.queueId,
    sysFlag: call.sysFlag,
    bornTimestamp: call.attemptsMade === 1 ? call.bornTimestamp : clock.now(),
    flag: message.flag,
    properties: encodeProperties(properties),
    reconsumeTimes: 0,
    unitMode: config.unitMode,
    maxReconsumeTimes: undefined,
    batch: call.batch,
    brokerName: mq.brokerName
  }
  if (topic.startsWith(RETRY_PREFIX)) {
    const reconsumeTimes = properties.get(MessageConst.RECONSUME_TIME)
    if (reconsumeTimes !== undefined) header.reconsumeTimes = Number(reconsumeTimes) | 0
    const maxReconsumeTimes = properties.get(MessageConst.MAX_RECONSUME_TIMES)
    if (maxReconsumeTimes !== undefined) header.maxReconsumeTimes = Number(maxReconsumeTimes) | 0
  }
  return header
}

/** Results name the topic as the caller knows it. */
function ownQueue(mq: MessageQueue, namespace: string): MessageQueue {
  return new MessageQueue(withoutNamespace(mq.topic, namespace), mq.brokerName, mq.queueId)
}

function brokerNotExist(brokerName: string): MQClientException {
  return new MQClientException(`The broker[${brokerName}] not exist`, {
    code: 'BROKER_NOT_EXIST',
    retryable: true,
    hint: `No route names a master of ${brokerName}: check the queue that was chosen, or whether the broker has left the cluster.`
  })
}
