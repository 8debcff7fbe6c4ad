/** Counters of one remoting client or server. */
export interface TransportStats {
  /** Connections opened or accepted. */
  connects: number
  /** Connections closed at once because there were too many. */
  refusedConnections: number
  /** Attempts to connect that failed. */
  connectFailures: number
  /** Answers nobody waited for (any more): late, duplicate or with an unknown opaque. They are dropped. */
  lateAnswers: number
  /** Requests that got no answer in time. */
  timeouts: number
  /** GO_AWAY answers after which the request was sent again on a new connection. */
  goAways: number
  /** Connections given up because nothing came from them. */
  deadConnections: number
  /** Connections closed because the peer broke the protocol. */
  protocolErrors: number
}

export function transportStats(): TransportStats {
  return {
    connects: 0,
    refusedConnections: 0,
    connectFailures: 0,
    lateAnswers: 0,
    timeouts: 0,
    goAways: 0,
    deadConnections: 0,
    protocolErrors: 0
  }
}
