import { realClock } from '../../src/internal/clock.ts'
import { TimerWheel } from '../../src/internal/timer-wheel.ts'
import { CLIENT_LIMITS } from '../../src/protocol/frame-reader.ts'
import type { ConnectionOwner } from '../../src/transport/connection.ts'
import { OpaqueSequence } from '../../src/transport/in-flight-table.ts'
import { transportStats } from '../../src/transport/transport-stats.ts'
import { LinesLogger } from './remoting.ts'

/** What a bare connection needs; every part may be replaced. */
export function connectionOwner(parts: Partial<ConnectionOwner> = {}): ConnectionOwner {
  const clock = parts.clock ?? realClock
  const logger = new LinesLogger()
  const never = Number.POSITIVE_INFINITY
  return {
    clock,
    logger,
    wheel: new TimerWheel(clock, (error) => logger.error(String(error))),
    limits: CLIENT_LIMITS,
    watch: { idleMillis: never, frameMillis: never, silenceMillis: never },
    opaques: new OpaqueSequence(),
    stats: transportStats(),
    readWatermark: never,
    onRequest: () => {},
    ...parts
  }
}
