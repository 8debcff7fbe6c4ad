import type { BrokerController } from '../broker/broker-controller.ts'
import { languageName } from '../protocol/language-code.ts'

/** A client of a group, as one broker knows it from its heartbeats. */
export interface ConnectedClient {
  /** Producer or consumer group. */
  group: string
  /** The broker that knows it. */
  brokerName: string
  /** As the heartbeat gives it. */
  clientId: string
  /** `host:port` of the client. */
  remoteAddr: string
  /** As the heartbeat names it, e.g. `JAVA`. */
  language: string
  /** MQVersion ordinal, e.g. 479 for 5.3.3. */
  version: number
  /** Wall clock of the last heartbeat, ms since 1970. */
  lastUpdateTimestamp: number
}

/** A consumer of a group. */
export interface ConnectedConsumer extends ConnectedClient {
  /** Topics with what is taken of each, as the heartbeat says. */
  subscriptions: Array<{
    /** The topic, retry topics included. */
    topic: string
    /** `*`, tags or SQL92. */
    expression: string
  }>
}

export function connectedProducers(brokers: readonly BrokerController[]): ConnectedClient[] {
  return brokers.flatMap(({ brokerName, producerManager }) =>
    [...producerManager.groups].flatMap((group) =>
      [...(producerManager.group(group) ?? [])].map((info) => client(group, brokerName, info))
    )
  )
}

export function connectedConsumers(brokers: readonly BrokerController[]): ConnectedConsumer[] {
  return brokers.flatMap(({ brokerName, consumerManager }) =>
    [...consumerManager.groups].flatMap(({ group, channels, subscriptions }) =>
      [...channels.values()].map((info) => ({
        ...client(group, brokerName, info),
        subscriptions: [...subscriptions.values()].map(({ topic, subString }) => ({ topic, expression: subString }))
      }))
    )
  )
}

type ClientChannelInfo = Parameters<BrokerController['producerManager']['registerProducer']>[1]

function client(group: string, brokerName: string, info: ClientChannelInfo): ConnectedClient {
  const { clientId, connection, language, version, lastUpdateTimestamp } = info
  const { remoteAddr } = connection
  return { group, brokerName, clientId, remoteAddr, language: languageName(language) ?? 'UNKNOWN', version, lastUpdateTimestamp }
}
