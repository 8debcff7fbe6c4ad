import { isObject, parseFastjsonObject } from './fastjson.ts'
import { mapOf } from './fastjson-fields.ts'
import { type BrokerData, brokerDataText, decodeBrokerData } from './topic-route.ts'

/** Body of GET_BROKER_CLUSTER_INFO; Java's `ClusterInfo`. */
export interface ClusterInfo {
  brokerAddrTable: Map<string, BrokerData>
  /** Cluster to broker names. */
  clusterAddrTable: Map<string, string[]>
}

/** Broker ids stand bare, as every version answers. */
export function encodeClusterInfo(info: ClusterInfo): Buffer {
  const brokers = [...info.brokerAddrTable].map(([name, broker]) => `${JSON.stringify(name)}:${brokerDataText(broker, false)}`)
  const clusters = [...info.clusterAddrTable].map(([name, names]) => `${JSON.stringify(name)}:${JSON.stringify(names)}`)
  return Buffer.from(`{"brokerAddrTable":{${brokers.join(',')}},"clusterAddrTable":{${clusters.join(',')}}}`, 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeClusterInfo(bytes: Uint8Array | undefined): ClusterInfo {
  const json = parseFastjsonObject(bytes, 'the cluster info')
  return {
    brokerAddrTable: mapOf(json, 'brokerAddrTable', (value) => decodeBrokerData(isObject(value) ? value : {})),
    clusterAddrTable: mapOf(json, 'clusterAddrTable', (value) => (Array.isArray(value) ? value.map(String) : []))
  }
}
