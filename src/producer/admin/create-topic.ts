import { MASTER_ID } from '../../client/broker-table.ts'
import { shown } from '../../client/check-options.ts'
import { wrapNamespace } from '../../client/namespace-util.ts'
import { MQClientException, type RocketMQError } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { RequestCode } from '../../protocol/codes.ts'
import { Perm } from '../../protocol/perm.ts'
import type { ProducerContext } from '../producer-context.ts'
import { checkNotSystemTopic, checkTopic, illegal } from '../validators.ts'
import { AdminCall } from './admin-call.ts'
import type { CreateTopicOptions } from './admin-options.ts'

const MAX_QUEUES = 65_535
/** How often one broker is asked. */
const TRIES = 5

type Fields = Readonly<Record<string, string | undefined>>

/** Creates a topic on every broker that has the topic `key`; Java's `MQAdminImpl.createTopic`. Fails when none has created it. */
export async function createTopic(
  context: ProducerContext,
  key: string,
  newTopic: string,
  queueNum: number,
  options?: CreateTopicOptions
): Promise<void> {
  const call = new AdminCall(context, options)
  try {
    const fields = header(context, key, newTopic, queueNum, options)
    const route = await call.route(key)
    const masters = (route?.brokerDatas ?? []).flatMap(({ brokerName, brokerAddrs }) => {
      const addr = brokerAddrs.get(MASTER_ID)
      return addr === undefined ? [] : [{ brokerName, addr }]
    })
    if (masters.length === 0) throw noBroker()
    await createOnAll(call, masters, fields)
  } catch (error) {
    throw call.failed('create new topic failed', error)
  }
}

function header(
  context: ProducerContext,
  key: string,
  newTopic: string,
  queueNum: number,
  options: CreateTopicOptions | undefined
): Fields {
  const topicSysFlag = options?.topicSysFlag ?? 0
  checkTopic(key)
  checkTopic(newTopic)
  const topic = wrapNamespace(context.config.namespace, newTopic)
  if (topic !== newTopic) checkTopic(topic)
  checkNotSystemTopic(topic)
  if (!Number.isInteger(queueNum) || queueNum < 1 || queueNum > MAX_QUEUES) {
    throw illegal(`queueNum is ${shown(queueNum)}: allowed is a whole number from 1 to ${MAX_QUEUES}`)
  }
  if (!Number.isInteger(topicSysFlag)) throw illegal(`topicSysFlag is ${shown(topicSysFlag)}: a whole number is needed`)
  return {
    topic,
    defaultTopic: key,
    readQueueNums: String(queueNum),
    writeQueueNums: String(queueNum),
    perm: String(Perm.READ | Perm.WRITE),
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: String(topicSysFlag),
    order: 'false',
    attributes: attributesText(options?.attributes),
    force: 'false'
  }
}

/** `+name=value,...`: the sign says that the attribute is set. */
function attributesText(attributes: Readonly<Record<string, string>> | undefined): string | undefined {
  if (attributes === undefined) return undefined
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw illegal(`attributes is ${shown(attributes)}: an object of names and texts is needed`)
  }
  const entries = Object.entries(attributes)
  if (entries.length === 0) return undefined
  for (const [name, value] of entries) {
    if (typeof value !== 'string' || /[=,]/.test(name + value)) {
      throw illegal(`attribute ${logText(name)}: name and value are texts without = and comma`)
    }
  }
  return entries.map(([name, value]) => `${/^[+-]/.test(name) ? '' : '+'}${name}=${value}`).join(',')
}

async function createOnAll(
  call: AdminCall,
  masters: ReadonlyArray<{ brokerName: string; addr: string }>,
  fields: Fields
): Promise<void> {
  const outcomes = await Promise.allSettled(masters.map(({ addr }) => createOnOne(call, addr, fields)))
  const failed = outcomes.flatMap((outcome, i) => {
    return outcome.status === 'rejected' ? [{ brokerName: masters[i]?.brokerName, reason: outcome.reason as unknown }] : []
  })
  if (failed.length === masters.length) throw call.failed('create topic to broker exception', failed[0]?.reason)
  for (const { brokerName, reason } of failed) {
    call.context.logger.warn(
      `topic ${logText(fields['topic'])} was not created on ${logText(brokerName)}: ${logText(call.error(reason))}`
    )
  }
}

/** A broker that refuses is not asked again; one that cannot be reached is, while there is time. */
async function createOnOne(call: AdminCall, addr: string, fields: Fields): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await call.ask(addr, RequestCode.UPDATE_AND_CREATE_TOPIC, fields)
      return
    } catch (error) {
      if ((error as RocketMQError).code === 'BROKER_REFUSED' || tries === TRIES || call.over) throw error
    }
  }
}

function noBroker(): MQClientException {
  return new MQClientException('Not found broker, maybe key is wrong', {
    code: 'NO_ROUTE',
    responseCode: 10005,
    hint: 'key names a topic that the brokers which get the new one have already, for example TBW102 or the name of the cluster.'
  })
}
