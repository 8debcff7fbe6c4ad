import { wrapNamespace } from '../../client/namespace-util.ts'
import { MQBrokerException, MQClientException, type RocketMQError } from '../../internal/errors.ts'
import { RequestCode } from '../../protocol/codes.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { decodeRecallHandle, type RecallMessageHandle } from '../../protocol/recall-message-handle.ts'
import { DLQ_PREFIX, RETRY_PREFIX } from '../../protocol/topics.ts'
import type { ProducerContext } from '../producer-context.ts'
import { checkTopic, illegal } from '../validators.ts'
import { AdminCall } from './admin-call.ts'
import type { AdminOptions } from './admin-options.ts'

/** Calls a message back that waits for a point in time; Java's `recallMessage`. @returns the client's id of the message. */
export async function recallMessage(
  context: ProducerContext,
  topic: string,
  recallHandle: string,
  options?: AdminOptions
): Promise<string> {
  const call = new AdminCall(context, options, context.config.sendMsgTimeout)
  checkTopic(topic)
  if (topic.startsWith(RETRY_PREFIX) || topic.startsWith(DLQ_PREFIX)) throw illegal('topic is not supported')
  const handle = handleOf(recallHandle)
  const name = wrapNamespace(context.config.namespace, topic)
  try {
    const addr = await brokerAddress(call, handle.brokerName, name)
    const response = await call.ask(addr, RequestCode.RECALL_MESSAGE, {
      producerGroup: context.producerGroup,
      topic: name,
      recallHandle,
      bname: handle.brokerName
    })
    const msgId = requiredText(response.extFields, 'msgId')
    context.trace?.recalled(name, msgId, true)
    return msgId
  } catch (error) {
    context.trace?.recalled(name, handle.messageId, false)
    throw withHint(call.error(error))
  }
}

function handleOf(text: unknown): RecallMessageHandle {
  try {
    return decodeRecallHandle(typeof text === 'string' ? text : '')
  } catch (cause) {
    throw new MQClientException('recall handle is invalid', {
      code: 'ILLEGAL_ARGUMENT',
      cause,
      hint: 'Pass recallHandle of the result of the send; only messages for a point in time have one.'
    })
  }
}

/** The broker that answered the send; any of the topic where no route knows it, which may be a proxy before it. */
async function brokerAddress(call: AdminCall, brokerName: string, topic: string): Promise<string> {
  const { instance } = call.context
  const known = instance.findBrokerAddressInPublish(brokerName)
  if (known !== undefined) return known
  const route = await call.route(topic)
  const addr =
    instance.findBrokerAddressInPublish(brokerName) ?? route?.brokerDatas.flatMap((data) => [...data.brokerAddrs.values()])[0]
  if (addr === undefined) throw new MQClientException('The broker service address not found', { code: 'BROKER_NOT_EXIST' })
  return addr
}

/** Brokers keep the feature switched off. */
function withHint(error: RocketMQError): RocketMQError {
  if (!(error instanceof MQBrokerException) || error.responseCode !== 16) return error
  return new MQBrokerException(error.message, {
    code: error.code,
    responseCode: error.responseCode,
    hint: 'Set recallMessageEnable=true on the broker (5.3.2 and newer).',
    cause: error
  })
}
