import { decodeBatchAckRequest } from '../../protocol/batch-ack.ts'
import { RequestCode } from '../../protocol/codes.ts'
import { parseRequestObject } from '../../protocol/fastjson.ts'
import { textOf } from '../../protocol/fastjson-fields.ts'
import { decodeHeartbeat } from '../../protocol/heartbeat.ts'
import { decodeLockBatchRequest } from '../../protocol/lock-batch.ts'
import type { RemotingCommand } from '../../protocol/remoting-command.ts'
import { RETRY_PREFIX } from '../../protocol/topics.ts'

/** Permission bits; Java's `Permission`. */
export const DENY = 1
/** Any of the other two will do. */
export const ANY = 2
export const PUB = 4
export const SUB = 8

/** What a request needs: permission bits by topic, or by `%RETRY%group` for a group. */
export type NeededPermissions = ReadonlyMap<string, number>

type Resources = Array<[name: string | undefined, permission: number]>

const groupOf = (group: string | undefined): string | undefined => (group === undefined ? undefined : RETRY_PREFIX + group)

/** Sending to a retry topic is part of consuming. */
const sending = (topic: string | undefined): Resources => [[topic, topic?.startsWith(RETRY_PREFIX) ? SUB : PUB]]

const sendWithLongNames = ({ extFields }: RemotingCommand): Resources => sending(extFields['topic'])
const sendWithShortNames = ({ extFields }: RemotingCommand): Resources => sending(extFields['b'])
const consuming = ({ extFields: { topic, consumerGroup } }: RemotingCommand): Resources => [
  [topic, SUB],
  [groupOf(consumerGroup), SUB]
]
/** A message that came back is acknowledged under the retry topic of topic and group, which belongs to the group. */
const consumingPopped = ({ extFields: { topic, consumerGroup } }: RemotingCommand): Resources =>
  topic?.startsWith(`${groupOf(consumerGroup)}_`) === true
    ? [[groupOf(consumerGroup), SUB]]
    : [
        [topic, SUB],
        [groupOf(consumerGroup), SUB]
      ]
const using = ({ extFields }: RemotingCommand): Resources => [[extFields['topic'], ANY]]
const nothing = (): Resources => []

/**
 * Codes that every user may send who holds the permissions; all others are for administrators. Java's `PlainAccessValidator` lists the
 * same ones, but lets every user send a code that it does not list.
 */
const RULES: ReadonlyMap<number, (request: RemotingCommand) => Resources> = new Map([
  [RequestCode.SEND_MESSAGE, sendWithLongNames],
  [RequestCode.SEND_REPLY_MESSAGE, sendWithLongNames],
  [RequestCode.SEND_MESSAGE_V2, sendWithShortNames],
  [RequestCode.SEND_BATCH_MESSAGE, sendWithShortNames],
  [RequestCode.SEND_REPLY_MESSAGE_V2, sendWithShortNames],
  [RequestCode.RECALL_MESSAGE, sendWithLongNames],
  // The half message needed the permission.
  [RequestCode.END_TRANSACTION, nothing],
  [RequestCode.CONSUMER_SEND_MSG_BACK, ({ extFields }) => [[groupOf(extFields['group']), SUB]]],
  [RequestCode.PULL_MESSAGE, consuming],
  [RequestCode.LITE_PULL_MESSAGE, consuming],
  [RequestCode.POP_MESSAGE, consuming],
  [RequestCode.NOTIFICATION, consuming],
  [RequestCode.ACK_MESSAGE, consumingPopped],
  [RequestCode.CHANGE_MESSAGE_INVISIBLETIME, consumingPopped],
  [RequestCode.BATCH_ACK_MESSAGE, ({ body }) => decodeBatchAckRequest(body).map((ack) => [groupOf(ack.consumerGroup), SUB])],
  [RequestCode.QUERY_ASSIGNMENT, queryAssignment],
  [RequestCode.QUERY_CONSUMER_OFFSET, consuming],
  [RequestCode.UPDATE_CONSUMER_OFFSET, consuming],
  [RequestCode.QUERY_MESSAGE, ({ extFields }) => [[extFields['topic'], SUB]]],
  [RequestCode.VIEW_MESSAGE_BY_ID, nothing],
  [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, using],
  [RequestCode.GET_MAX_OFFSET, using],
  [RequestCode.GET_MIN_OFFSET, using],
  [RequestCode.GET_EARLIEST_MSG_STORETIME, using],
  [RequestCode.HEART_BEAT, heartBeat],
  [RequestCode.UNREGISTER_CLIENT, ({ extFields }) => optional(extFields['consumerGroup'])],
  [RequestCode.GET_CONSUMER_LIST_BY_GROUP, ({ extFields }) => [[groupOf(extFields['consumerGroup']), SUB]]],
  [RequestCode.LOCK_BATCH_MQ, ({ body }) => [[groupOf(decodeLockBatchRequest(body).consumerGroup), SUB]]],
  [RequestCode.UNLOCK_BATCH_MQ, ({ body }) => [[groupOf(decodeLockBatchRequest(body).consumerGroup), SUB]]],
  [RequestCode.CHECK_CLIENT_CONFIG, ({ body }) => optional(textOf(parseRequestObject(body, 'the client configuration'), 'group'))]
])

/**
 * The permissions that a request needs; undefined where only an administrator may send it, which is also the case when it does not say
 * which topic or group it is about.
 * @throws RemotingCommandException when its body cannot be read.
 */
export function neededPermissions(request: RemotingCommand): NeededPermissions | undefined {
  const resources = RULES.get(request.code)?.(request)
  if (resources === undefined) return undefined
  const needed = new Map<string, number>()
  for (const [name, permission] of resources) {
    if (name === undefined) return undefined
    needed.set(name, permission)
  }
  return needed
}

function heartBeat({ body }: RemotingCommand): Resources {
  const resources: Resources = []
  for (const { groupName, subscriptionDataSet } of decodeHeartbeat(body).consumerDataSet) {
    resources.push([groupOf(groupName), SUB])
    for (const { topic } of subscriptionDataSet) resources.push([topic, SUB])
  }
  return resources
}

function queryAssignment({ body }: RemotingCommand): Resources {
  return [[groupOf(textOf(parseRequestObject(body, 'the question for queues'), 'consumerGroup')), SUB]]
}

function optional(group: string | undefined): Resources {
  return group === undefined || group === '' ? [] : [[groupOf(group), SUB]]
}
