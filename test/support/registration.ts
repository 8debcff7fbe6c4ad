import { crc32 } from '../../src/protocol/crc32.ts'
import { encodeRegisterBrokerBody } from '../../src/protocol/register-broker-body.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { DataVersion, TopicConfig } from '../../src/protocol/topic-config.ts'

export interface TestBroker {
  brokerName?: string
  brokerAddr?: string
  clusterName?: string
  brokerId?: number
  haServerAddr?: string
  topics?: Array<Partial<TopicConfig> & { topicName: string }>
  dataVersion?: Partial<DataVersion>
  compressed?: boolean
  /** More header fields, or others. */
  fields?: Record<string, string>
}

export function topicConfig(config: Partial<TopicConfig> & { topicName: string }): TopicConfig {
  return {
    readQueueNums: 8,
    writeQueueNums: 8,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    attributes: new Map(),
    ...config
  }
}

/** REGISTER_BROKER as a 5.3.3 broker sends it. */
export function registerBrokerRequest(broker: TestBroker = {}): RemotingCommand {
  const { topics = [{ topicName: 'T' }, { topicName: 'U' }], compressed = false } = broker
  const topicConfigTable = new Map(topics.map((config) => [config.topicName, topicConfig(config)]))
  const dataVersion = { stateVersion: 0, timestamp: 1, counter: 1, ...broker.dataVersion }
  const body = encodeRegisterBrokerBody(
    { topicConfigSerializeWrapper: { topicConfigTable, dataVersion }, filterServerList: [] },
    compressed
  )
  return RemotingCommand.request(
    103,
    {
      brokerName: broker.brokerName ?? 'broker-a',
      brokerAddr: broker.brokerAddr ?? '127.0.0.1:10911',
      clusterName: broker.clusterName ?? 'DefaultCluster',
      haServerAddr: broker.haServerAddr ?? '127.0.0.1:10912',
      brokerId: String(broker.brokerId ?? 0),
      compressed: String(compressed),
      bodyCrc32: String(crc32(body)),
      ...broker.fields
    },
    body
  )
}
