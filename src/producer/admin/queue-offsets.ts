import { shown } from '../../client/check-options.ts'
import { withoutNamespace, wrapNamespace } from '../../client/namespace-util.ts'
import { topicRouteToPublishInfo } from '../../client/topic-publish-info.ts'
import { MQClientException, type RocketMQError } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { RequestCode } from '../../protocol/codes.ts'
import { requiredLong } from '../../protocol/header-fields.ts'
import { MessageQueue } from '../../protocol/message-queue.ts'
import type { ProducerContext } from '../producer-context.ts'
import { isQueue } from '../send-select-impl.ts'
import { checkTopic, illegal } from '../validators.ts'
import { AdminCall } from './admin-call.ts'
import type { AdminOptions, SearchOffsetOptions } from './admin-options.ts'

/** The queues of a topic that can be written to, asked of a name server now. */
export async function fetchPublishMessageQueues(
  context: ProducerContext,
  topic: string,
  options?: AdminOptions
): Promise<MessageQueue[]> {
  const call = new AdminCall(context, options)
  const { namespace } = context.config
  try {
    checkTopic(topic)
    const name = wrapNamespace(namespace, topic)
    const route = await call.route(name)
    if (route === undefined) throw new MQClientException('it does not exist', { code: 'NO_ROUTE', responseCode: 10005 })
    const { messageQueues } = topicRouteToPublishInfo(name, route)
    if (messageQueues.length === 0) {
      throw new MQClientException('no broker of it takes messages', { code: 'NO_WRITABLE_MASTER', responseCode: 10005 })
    }
    return messageQueues.map((mq) => new MessageQueue(withoutNamespace(mq.topic, namespace), mq.brokerName, mq.queueId))
  } catch (error) {
    throw call.failed(`Can not find Message Queue for this topic, ${logText(topic)}`, error)
  }
}

export async function searchOffset(
  context: ProducerContext,
  mq: MessageQueue,
  timestamp: number,
  options?: SearchOffsetOptions
): Promise<number> {
  if (!Number.isSafeInteger(timestamp)) {
    throw illegal(`timestamp is ${shown(timestamp)}: ms since 1970, a whole number, are needed`)
  }
  const boundaryType = options?.boundaryType ?? 'LOWER'
  if (boundaryType !== 'LOWER' && boundaryType !== 'UPPER') {
    throw illegal(`boundaryType is ${shown(boundaryType)}: allowed are LOWER and UPPER`)
  }
  const fields = { timestamp: String(timestamp), boundaryType }
  return await askQueue(context, mq, RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, fields, 'offset', options)
}

export function maxOffset(context: ProducerContext, mq: MessageQueue, options?: AdminOptions): Promise<number> {
  return askQueue(context, mq, RequestCode.GET_MAX_OFFSET, { committed: 'true' }, 'offset', options)
}

export function minOffset(context: ProducerContext, mq: MessageQueue, options?: AdminOptions): Promise<number> {
  return askQueue(context, mq, RequestCode.GET_MIN_OFFSET, {}, 'offset', options)
}

export function earliestMsgStoreTime(context: ProducerContext, mq: MessageQueue, options?: AdminOptions): Promise<number> {
  return askQueue(context, mq, RequestCode.GET_EARLIEST_MSG_STORETIME, {}, 'timestamp', options)
}

/** Asks the master of a queue for one number. */
async function askQueue(
  context: ProducerContext,
  mq: MessageQueue,
  code: number,
  fields: Readonly<Record<string, string>>,
  answer: string,
  options: AdminOptions | undefined
): Promise<number> {
  const call = new AdminCall(context, options)
  if (!isQueue(mq)) throw illegal('what was passed is not a MessageQueue')
  checkTopic(mq.topic)
  const topic = wrapNamespace(context.config.namespace, mq.topic)
  const addr = await masterAddress(call, mq.brokerName, topic)
  try {
    const response = await call.ask(addr, code, { topic, queueId: String(mq.queueId), bname: mq.brokerName, ...fields })
    return requiredLong(response.extFields, answer)
  } catch (error) {
    throw call.failed(`Invoke Broker[${addr}] exception`, error)
  }
}

/** @throws MQClientException `BROKER_NOT_EXIST` when the route of the topic does not know it either. */
async function masterAddress(call: AdminCall, brokerName: string, topic: string): Promise<string> {
  const { instance } = call.context
  const known = instance.findBrokerAddressInPublish(brokerName)
  if (known !== undefined) return known
  let cause: RocketMQError | undefined
  try {
    await call.route(topic)
  } catch (error) {
    cause = call.error(error)
    if (cause.code === 'ABORTED') throw cause
  }
  const found = instance.findBrokerAddressInPublish(brokerName)
  if (found !== undefined) return found
  const reason = cause === undefined ? '' : `: ${cause.message}`
  throw new MQClientException(`The broker[${logText(brokerName)}] not exist${reason}`, { code: 'BROKER_NOT_EXIST', cause })
}
