import { expect, it } from 'vitest'
import { PopLongPollingService } from '../../src/broker/longpolling/pop-long-polling-service.ts'
import { PullRequestHoldService } from '../../src/broker/longpolling/pull-request-hold-service.ts'
import type { Clock } from '../../src/internal/clock.ts'
import type { Connection } from '../../src/transport/connection.ts'

// Node's timers fire at once when they are set for more than 2^31-1 ms: one request that asked to wait so long kept the broker busy.

function recordingClock(): { clock: Clock; waits: number[] } {
  const waits: number[] = []
  const setTimeout: Clock['setTimeout'] = (_callback, millis) => {
    waits.push(millis)
    return { cancel() {} }
  }
  return { clock: { now: () => 0, monotonic: () => 0, setTimeout } as Clock, waits }
}

const held = {
  group: 'G',
  topic: 'T',
  queueId: 0,
  offset: 0,
  filter: undefined,
  connection: {} as Connection,
  deadline: Number.MAX_SAFE_INTEGER,
  execute() {},
  abandon() {}
}

it('a pull or pop that may wait for years sets a timer that Node can wait for', () => {
  const { clock, waits } = recordingClock()
  new PullRequestHoldService(clock, { maxHeldPullNum: 10 }).suspendPullRequest(held)
  new PopLongPollingService(clock).polling(held)
  expect(waits).toEqual([0x7fffffff, 0x7fffffff])
})
