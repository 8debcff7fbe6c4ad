import type { BrokerController } from '../broker/broker-controller.ts'
import type { TransportStats } from '../transport/transport-stats.ts'

/** Counters of one broker since it was started. */
export interface BrokerStatistics {
  /** Its name. */
  brokerName: string
  /** 0 for a master. */
  brokerId: number
  /** `host:port` as it is announced. */
  addr: string
  /** Messages put by sends, and the bytes of their records. */
  put: {
    /** Messages. */
    messages: number
    /** Bytes of records. */
    bytes: number
  }
  /** Messages that pulls were given. */
  got: {
    /** Messages. */
    messages: number
  }
  /** Connections that are open now. */
  connections: number
  /** Of its port. */
  transport: Readonly<TransportStats>
  /** The store's figures under Java's names, as code 28 answers them. */
  store: Readonly<Record<string, string>>
}

export function brokerStatistics(broker: BrokerController): BrokerStatistics {
  const { brokerName, brokerId, addr, store, brokerStatsManager } = broker
  const { putMessageTimesTotal, putMessageSizeTotal } = store.stats
  return {
    brokerName,
    brokerId,
    addr,
    put: { messages: putMessageTimesTotal, bytes: putMessageSizeTotal },
    got: { messages: brokerStatsManager.brokerGet.value },
    connections: broker.connectionCount,
    transport: { ...broker.transportStats },
    store: Object.fromEntries(store.runtimeInfo())
  }
}
