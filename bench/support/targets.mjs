import { quartiles } from './statistics.mjs'

/*
 * A target compares two cases of the same round, or is a limit on a start-up figure or on a field of one case. A ratio holds when the median of
 * the paired ratios meets it; with fewer rounds than this it is printed but proves nothing.
 */
export const ROUNDS_NEEDED = 9

/** Limits in milliseconds are meant for a machine on which `node -e 0` takes this long, and scale with it. */
const CONTROL_MILLIS = 70

const ratio = (name, of, to, atLeast) => ({ name, of, to, field: 'msgPerSec', atLeast })

export const TARGETS = [
  { name: 'msg/s, ours : ceiling', of: 'real/ours/256', to: 'real/ceiling/256', field: 'msgPerSec', atLeast: 0.9 },
  { name: 'msg/s, ours : Java', of: 'real/ours/256', to: 'real/java/256', field: 'msgPerSec', atLeast: 1.08 },
  {
    name: 'msg/s, ours : Java with binary headers',
    of: 'real/ours/256',
    to: 'real/java-binary/256',
    field: 'msgPerSec',
    atLeast: 1.08
  },
  { name: 'msg/s, ours : ali-ons', of: 'real/ours/256', to: 'real/ali-ons/256', field: 'msgPerSec', atLeast: 1.8 },
  { name: 'msg/s, ours : Go', of: 'real/ours/256', to: 'real/go/256', field: 'msgPerSec', atLeast: 1.8 },
  { name: 'CPU a message, ours : Java', of: 'real/ours/256', to: 'real/java/256', field: 'cpuMicrosPerMsg', atMost: 0.4 },
  {
    name: 'CPU a message, ours : Java with binary headers',
    of: 'real/ours/256',
    to: 'real/java-binary/256',
    field: 'cpuMicrosPerMsg',
    atMost: 0.4
  },
  { name: 'CPU a message, ours : ceiling', of: 'real/ours/256', to: 'real/ceiling/256', field: 'cpuMicrosPerMsg', atMost: 2.6 },
  { name: 'p50 one at a time, ours : ali-ons', of: 'real/ours/1', to: 'real/ali-ons/1', field: 'p50Ms', atMost: 1.05 },
  {
    name: 'ceiling client, our broker : real broker',
    of: 'ours/ceiling/256',
    to: 'real/ceiling/256',
    field: 'msgPerSec',
    atLeast: 3
  },
  { name: 'Java producer, our broker : real broker', of: 'ours/java/256', to: 'real/java/256', field: 'msgPerSec', atLeast: 1 },
  ratio('store, ASYNC_FLUSH, 256 in flight, ours : Java', 'store/ours/async256', 'store/java/async256', 1.2),
  ratio('store, SYNC_FLUSH, 256 in flight, ours : Java', 'store/ours/sync256', 'store/java/sync256', 1.2),
  ratio('store, SYNC_FLUSH, one at a time, ours : bare loop', 'store/ours/sync1', 'store/bare/sync1', 0.8),
  ratio('broker with files, ASYNC_FLUSH, ours : real', 'store-broker/ours/async256', 'store-broker/real/async256', 2),
  ratio('broker with files, SYNC_FLUSH, ours : real', 'store-broker/ours/sync256', 'store-broker/real/sync256', 1.5),
  { name: 'reopening, ours : Java', of: 'store-reopen/ours', to: 'store-reopen/java', field: 'reopenMillis', atMost: 1 },
  { name: 'reopening, peak resident MB', of: 'store-reopen/ours', field: 'peakMB', atMost: 300 },
  ...['load-async', 'load-sync', 'recovery', 'clean-up'].map((phase) => ({
    name: `event-loop delay, ${phase}, p99 above control, ms`,
    of: `store-loop/${phase}`,
    field: 'excessMs',
    atMost: 20
  })),
  ratio('Java push consumer drains, our broker : real broker', 'consumers/ours/drain', 'consumers/real/drain', 1),
  {
    name: 'p50 of a send, 1,000 consumers wait : nobody waits',
    of: 'consumers/idle/waiting',
    to: 'consumers/idle/alone',
    field: 'p50Ms',
    atMost: 1.2
  },
  { name: '1,000 waiting consumers, CPU %', of: 'consumers/idle/cost', field: 'cpuPercent', atMost: 5 },
  { name: '1,000 waiting consumers, KiB each', of: 'consumers/idle/cost', field: 'kibEach', atMost: 64 },
  { name: 'broker, exec to ready line, ms', startup: 'readyMillis', atMost: 250, scaled: true },
  { name: 'broker, resident at ready, MB', startup: 'residentMB', atMost: 110 }
]

const loopback = (name, of, to, atLeast) => ratio(name, `loopback/${of}/256`, `loopback/${to}/256`, atLeast)

/** Of loopback.mjs. */
export const LOOPBACK_TARGETS = [
  { name: 'start to first acknowledgement, TCP, ms', of: 'loopback/tcp/start', field: 'p50Ms', atMost: 15, digits: 2 },
  { name: 'start to first acknowledgement, memory, ms', of: 'loopback/memory/start', field: 'p50Ms', atMost: 5, digits: 2 },
  { name: 'one send and its answer, memory, ms', of: 'loopback/memory/1', field: 'p50Ms', atMost: 0.03, digits: 4 },
  loopback('msg/s with 256 in flight, memory : TCP', 'memory', 'tcp', 1.5),
  loopback('msg/s with 256 in flight, TCP, with journal : without', 'tcp', 'tcp-nojournal', 0.85),
  loopback('msg/s with 256 in flight, memory, with journal : without', 'memory', 'memory-nojournal', 0.85)
]

/** The verdict on one target, or undefined where a side was not measured. */
export function judge({ name, of, to, field, startup: figure, atLeast, atMost, scaled, digits: given }, results, startup) {
  const values = figure === undefined ? ratios(results, of, to, field) : (startup?.broker.map((run) => run[figure]) ?? [])
  const paired = figure === undefined && to !== undefined
  if (values.length === 0) return undefined
  const { q1, median, q3 } = quartiles(values)
  const digits = given ?? (paired ? 3 : 0)
  const factor = scaled ? quartiles(startup.control).median / CONTROL_MILLIS : 1
  const limit = (atLeast ?? atMost) * factor
  return {
    name,
    wanted: `${atLeast === undefined ? '≤' : '≥'} ${scaled ? `${limit.toFixed(0)} (${atMost} where node -e 0 takes ${CONTROL_MILLIS})` : limit}`,
    measured: median.toFixed(digits),
    spread: `${q1.toFixed(digits)}–${q3.toFixed(digits)}`,
    met: atLeast === undefined ? median <= limit : median >= limit,
    proven: !paired || values.length >= ROUNDS_NEEDED,
    values
  }
}

function ratios(results, of, to, field) {
  if (to === undefined) return results.filter((line) => line.case === of && line[field] !== null).map((line) => line[field])
  const byRound = new Map(results.filter((line) => line.case === to).map((line) => [line.round, line[field]]))
  return results
    .filter((line) => line.case === of && byRound.get(line.round) > 0)
    .map((line) => line[field] / byRound.get(line.round))
}
