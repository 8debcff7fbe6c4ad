import type { Clock } from '../internal/clock.ts'
import { requestCodeName } from '../protocol/codes.ts'
import type { Connection } from './connection.ts'

/** Tells a clock that waits which requests have no answer yet. Returns what ends that; harmless with a clock that does not wait. */
export function reportInFlight(clock: Clock, connections: Iterable<Connection>): () => void {
  const { activity } = clock
  if (activity === undefined) return () => {}
  return activity.report(() => {
    const lines: string[] = []
    for (const connection of connections) {
      const way = `from ${activity.named(connection.localAddr)} to ${activity.named(connection.remoteAddr)}`
      for (const { request, sentAt } of connection.requestsInFlight()) {
        const { code } = request as { code?: number }
        const name = code === undefined ? 'request' : `${requestCodeName(code)} (${code})`
        lines.push(`${name} ${way}, since ${Math.round(clock.monotonic() - sentAt)} ms of the clock`)
      }
    }
    return lines
  })
}
