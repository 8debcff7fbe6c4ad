import { type FastjsonObject, isObject, parseFastjsonObject } from './fastjson.ts'
import { arrayOf, booleanOf, mapOf, numberOf, optionalTextOf, textOf } from './fastjson-fields.ts'

export interface QueueData {
  brokerName: string
  readQueueNums: number
  writeQueueNums: number
  perm: number
  topicSysFlag: number
}

export interface BrokerData {
  cluster: string
  brokerName: string
  /** Broker id (0 is the master) to `host:port`. */
  brokerAddrs: Map<number, string>
  enableActingMaster: boolean
  zoneName?: string | undefined
}

/** Java's `TopicRouteData`. */
export interface TopicRouteData {
  /** `brokerName:queues;brokerName:queues` of an order topic. */
  orderTopicConf?: string | undefined
  queueDatas: QueueData[]
  brokerDatas: BrokerData[]
  /** Broker address to filter servers. */
  filterServerTable: Map<string, string[]>
  /** Only on static topics of 5.x: broker name to its part of the mapping, as it came. */
  topicQueueMappingByBroker?: Map<string, unknown> | undefined
}

/**
 * Compact, keys sorted: Go takes the text apart by hand.
 * @param standard broker ids are quoted and non-ASCII is escaped, as for clients from 4.9.4 on; else they stand bare.
 */
export function encodeTopicRoute(route: TopicRouteData, standard: boolean): Buffer {
  const brokers = route.brokerDatas.map((broker) => brokerDataText(broker, standard)).join(',')
  const queues = route.queueDatas.map(queueDataText).join(',')
  const filters = JSON.stringify(Object.fromEntries(route.filterServerTable))
  const order = route.orderTopicConf === undefined ? '' : `,"orderTopicConf":${JSON.stringify(route.orderTopicConf)}`
  const { topicQueueMappingByBroker } = route
  const mapping =
    topicQueueMappingByBroker === undefined
      ? ''
      : `,"topicQueueMappingByBroker":${JSON.stringify(Object.fromEntries(topicQueueMappingByBroker))}`
  const text = `{"brokerDatas":[${brokers}],"filterServerTable":${filters}${order},"queueDatas":[${queues}]${mapping}}`
  return Buffer.from(standard ? escapeNonAscii(text) : text, 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeTopicRoute(bytes: Uint8Array | undefined): TopicRouteData {
  const json = parseFastjsonObject(bytes, 'the topic route')
  return {
    orderTopicConf: optionalTextOf(json, 'orderTopicConf'),
    queueDatas: arrayOf(json, 'queueDatas', decodeQueueData),
    brokerDatas: arrayOf(json, 'brokerDatas', decodeBrokerData),
    filterServerTable: mapOf(json, 'filterServerTable', (value) => (Array.isArray(value) ? value.map(String) : [])),
    topicQueueMappingByBroker: isObject(json.topicQueueMappingByBroker)
      ? mapOf(json, 'topicQueueMappingByBroker', (value): unknown => value)
      : undefined
  }
}

export function decodeQueueData(json: FastjsonObject): QueueData {
  return {
    brokerName: textOf(json, 'brokerName'),
    readQueueNums: numberOf(json, 'readQueueNums'),
    writeQueueNums: numberOf(json, 'writeQueueNums'),
    perm: numberOf(json, 'perm'),
    // 4.7 misspells it.
    topicSysFlag: numberOf(json, 'topicSysFlag', numberOf(json, 'topicSynFlag'))
  }
}

export function decodeBrokerData(json: FastjsonObject): BrokerData {
  const addresses = isObject(json.brokerAddrs) ? json.brokerAddrs : {}
  const brokerAddrs = new Map<number, string>()
  for (const id of Object.keys(addresses)) {
    const address = addresses[id]
    if (typeof address === 'string' && Number.isSafeInteger(Number(id))) brokerAddrs.set(Number(id), address)
  }
  return {
    cluster: textOf(json, 'cluster'),
    brokerName: textOf(json, 'brokerName'),
    brokerAddrs,
    enableActingMaster: booleanOf(json, 'enableActingMaster'),
    zoneName: optionalTextOf(json, 'zoneName')
  }
}

export function brokerDataText(broker: BrokerData, quotedIds: boolean): string {
  const addresses = brokerAddrsText(broker.brokerAddrs, quotedIds)
  const zone = broker.zoneName === undefined ? '' : `,"zoneName":${JSON.stringify(broker.zoneName)}`
  return `{"brokerAddrs":${addresses},"brokerName":${JSON.stringify(broker.brokerName)},"cluster":${JSON.stringify(broker.cluster)},"enableActingMaster":${broker.enableActingMaster}${zone}}`
}

export function brokerAddrsText(addresses: ReadonlyMap<number, string>, quotedIds: boolean): string {
  const entries = [...addresses].sort(([a], [b]) => a - b)
  const texts = entries.map(([id, address]) => `${quotedIds ? `"${id}"` : id}:${JSON.stringify(address)}`)
  return `{${texts.join(',')}}`
}

function queueDataText(queue: QueueData): string {
  const { brokerName, perm, readQueueNums, topicSysFlag, writeQueueNums } = queue
  return JSON.stringify({ brokerName, perm, readQueueNums, topicSysFlag, writeQueueNums })
}

function escapeNonAscii(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything outside printable ASCII
  return text.replace(/[^\u0000-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`)
}
