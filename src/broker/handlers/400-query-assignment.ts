import { ResponseCode } from '../../protocol/codes.ts'
import { parseRequestObject } from '../../protocol/fastjson.ts'
import { textOf } from '../../protocol/fastjson-fields.ts'
import type { MessageQueue } from '../../protocol/message-queue.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { RETRY_PREFIX } from '../../protocol/topics.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { allocateMessageQueues } from '../loadbalance/allocate-message-queues.ts'
import { MESSAGE_REQUEST_MODES, type MessageRequestMode } from '../loadbalance/message-request-mode-manager.ts'

type Mode = Pick<MessageRequestMode, 'mode' | 'popShareQueueNum'>

/**
 * Code 400: which queues a member of a group consumes, and whether it pulls or pops them; for consumers that do not work it out themselves
 * (`clientRebalance=false`). An answer without queues leaves the member with those it has. Java's `QueryAssignmentProcessor`.
 */
export function queryAssignment(broker: BrokerServices): RequestHandler {
  return async (request) => {
    const body = parseRequestObject(request.body, 'the question for queues')
    const topic = textOf(body, 'topic')
    const group = textOf(body, 'consumerGroup')
    const mode = modeOf(broker, topic, group)
    const queues = await broker.topicRouteInfoManager.getTopicSubscribeInfo(topic)
    const assigned =
      queues === undefined || textOf(body, 'messageModel') === 'BROADCASTING'
        ? queues
        : allocate(broker, group, mode, queues, textOf(body, 'clientId'), textOf(body, 'strategyName'))
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, encodeAssignments(assigned, mode))
  }
}

/** What code 401 set; a retry topic is pulled. */
function modeOf({ config, messageRequestModeManager }: BrokerServices, topic: string, group: string): Mode {
  const set = messageRequestModeManager.get(topic, group)
  if (set !== undefined) return set
  const byDefault = MESSAGE_REQUEST_MODES.find((mode) => mode === config.defaultMessageRequestMode) ?? 'PULL'
  const mode = topic.startsWith(RETRY_PREFIX) ? 'PULL' : byDefault
  return { mode, popShareQueueNum: mode === 'POP' ? config.defaultPopShareQueueNum : 0 }
}

function allocate(
  { consumerManager }: BrokerServices,
  group: string,
  mode: Mode,
  queues: readonly MessageQueue[],
  clientId: string,
  strategyName: string
): MessageQueue[] | undefined {
  const channels = consumerManager.getConsumerGroupInfo(group)?.channels
  if (channels === undefined) return undefined
  const members = [...new Set([...channels.values()].map((info) => info.clientId))].sort()
  return allocateMessageQueues(strategyName, mode, queues, members, clientId)
}

function encodeAssignments(queues: readonly MessageQueue[] | undefined, { mode }: Mode): Buffer {
  if (queues === undefined) return Buffer.from('{}')
  return Buffer.from(JSON.stringify({ messageQueueAssignments: queues.map((messageQueue) => ({ messageQueue, mode })) }))
}
