import { RemotingCommandException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { type ConsumerData, decodeHeartbeat } from '../../protocol/heartbeat.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { RETRY_PREFIX } from '../../protocol/topics.ts'
import type { Connection } from '../../transport/connection.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { ClientChannelInfo } from '../client/client-channel-info.ts'
import { isLegalClientId, isLegalGroup, isLegalTopic } from '../names.ts'
import { READ_WRITE } from '../send/retry-and-dlq.ts'

const UNIT_SUB = 2
/** After so many groups that find no room the rest of a heartbeat is not looked at: to refuse one takes longer than to take it. */
const MAX_REFUSALS = 100
/** Of a subscription, characters: as much as one that comes with a pull may have in its header. */
const MAX_EXPRESSION = 256 * 1024

/** Code 34: which groups a client produces and consumes for. Members that have to rebalance are told before the answer leaves. */
export function heartBeat(broker: BrokerServices): RequestHandler {
  /** Fingerprints of heartbeat V2, by group; Java's `consumerGroupHeartbeatTable`. */
  const fingerprints = new Map<string, number>()
  return (request, connection) => {
    if (request.body === undefined) throw new RemotingCommandException('the heartbeat has no body', { code: 'BAD_BODY' })
    const heartbeat = decodeHeartbeat(request.body)
    if (!isLegalClientId(heartbeat.clientID))
      throw new RemotingCommandException('clientID is empty or too long', { code: 'BAD_FIELD' })
    const fingerprint = heartbeat.heartbeatFingerprint
    // Without V2 the answer always asks for whole heartbeats.
    let subscriptionChanged = fingerprint === 0
    // One group that finds no room keeps no other out.
    let refused: unknown
    let refusals = 0
    const refuse = (error: unknown): void => {
      refused = error
      if (++refusals === MAX_REFUSALS) throw error
    }
    for (const consumer of heartbeat.consumerDataSet) {
      const known = fingerprints.get(consumer.groupName)
      if (fingerprint !== 0 && known !== undefined && known !== fingerprint) subscriptionChanged = true
      const info = channelInfo(broker, request, connection, heartbeat.clientID)
      try {
        if (registerConsumer(broker, consumer, info, heartbeat.withoutSub && fingerprint !== 0)) {
          fingerprints.set(consumer.groupName, fingerprint)
        }
      } catch (error) {
        refuse(error)
      }
    }
    if (fingerprints.size > broker.config.maxSubscriptionGroupNum) forgetDeleted(broker, fingerprints)
    for (const { groupName } of heartbeat.producerDataSet) {
      if (isLegalGroup(groupName)) {
        try {
          broker.producerManager.registerProducer(groupName, channelInfo(broker, request, connection, heartbeat.clientID))
        } catch (error) {
          refuse(error)
        }
      } else {
        broker.logger.warn(
          `${connection.remoteAddr} heartbeats for producer group ${logText(groupName)}: not a legal name, ignored`
        )
      }
    }
    if (refused !== undefined) throw refused
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, {
      IS_SUPPORT_HEART_BEAT_V2: 'true',
      IS_SUB_CHANGE: String(subscriptionChanged)
    })
  }
}

function forgetDeleted(broker: BrokerServices, fingerprints: Map<string, number>): void {
  for (const group of fingerprints.keys()) if (!broker.subscriptionGroupManager.contains(group)) fingerprints.delete(group)
}

function channelInfo(
  broker: BrokerServices,
  request: RemotingCommand,
  connection: Connection,
  clientId: string
): ClientChannelInfo {
  return {
    connection,
    clientId,
    language: request.language,
    version: request.version,
    lastUpdate: broker.clock.monotonic(),
    lastUpdateTimestamp: broker.clock.now()
  }
}

/** @returns false when the group is unknown and may not be created: such a group is passed over, as in Java. */
function registerConsumer(broker: BrokerServices, consumer: ConsumerData, info: ClientChannelInfo, withoutSub: boolean): boolean {
  const groupConfig = broker.subscriptionGroupManager.findSubscriptionGroupConfig(consumer.groupName)
  if (groupConfig === undefined) return false
  const topics = broker.topicConfigManager
  const subscriptions = consumer.subscriptionDataSet.filter(({ topic }) => isLegalTopic(topic))
  if (subscriptions.some(({ subString }) => subString.length > MAX_EXPRESSION)) {
    throw new RemotingCommandException(`an expression is longer than ${MAX_EXPRESSION} characters`, { code: 'BAD_FIELD' })
  }
  const ordered = subscriptions.some(({ topic }) => topics.isOrderTopic(topic))
  topics.createTopicInSendMessageBackMethod(
    RETRY_PREFIX + consumer.groupName,
    groupConfig.retryQueueNums,
    READ_WRITE,
    consumer.unitMode ? UNIT_SUB : 0,
    ordered
  )
  broker.consumerManager.registerConsumer(
    consumer.groupName,
    info,
    { consumeType: consumer.consumeType, messageModel: consumer.messageModel, consumeFromWhere: consumer.consumeFromWhere },
    withoutSub ? undefined : subscriptions,
    groupConfig.notifyConsumerIdsChangedEnable
  )
  return true
}
