import { doubleText } from './runtime-figures.ts'

const BUCKET_LIMITS = [0, 10, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000, 10_000]
const BUCKET_NAMES = [
  '[<=0ms]',
  '[0~10ms]',
  '[10~50ms]',
  '[50~100ms]',
  '[100~200ms]',
  '[200~500ms]',
  '[500ms~1s]',
  '[1~2s]',
  '[2~3s]',
  '[3~4s]',
  '[4~5s]',
  '[5~10s]',
  '[10s~]'
]
/** Seconds of history: ten minutes. */
const MAX_SAMPLES = 600

interface Sample {
  /** Monotonic clock, ms. */
  at: number
  put: number
  found: number
  miss: number
  transferred: number
}

/**
 * Counts what the store does; Java's `StoreStatsService`. Instead of a thread that samples each second, the first event of a second
 * leaves a sample of the second before.
 */
export class StoreStatsService {
  readonly bootTimestamp: number
  readonly #monotonic: () => number
  readonly #started: number
  putMessageTimesTotal = 0
  putMessageSizeTotal = 0
  putMessageFailedTimes = 0
  getMessageTimesTotalFound = 0
  getMessageTimesTotalMiss = 0
  getMessageTransferredMsgCount = 0
  /** Longest put and longest read, ms. */
  putMessageEntireTimeMax = 0
  getMessageEntireTimeMax = 0
  /** Puts by how long they took; {@link putMessageDistributeTime} names the buckets. */
  readonly #putBuckets = new Float64Array(BUCKET_NAMES.length)
  readonly #samples: Sample[] = []
  #nextSample: number

  /** @param clock where the time comes from */
  constructor(clock: { now(): number; monotonic(): number }) {
    this.bootTimestamp = clock.now()
    this.#monotonic = () => clock.monotonic()
    this.#started = clock.monotonic()
    this.#nextSample = this.#started
    this.#sample(this.#started)
  }

  /** Records were appended. */
  appended(messages: number, bytes: number): void {
    this.putMessageTimesTotal += messages
    this.putMessageSizeTotal += bytes
  }

  /** A put was answered. */
  putDone(millis: number, ok: boolean): void {
    if (!ok) this.putMessageFailedTimes++
    if (millis <= 0) {
      this.#putBuckets[0]!++
      return
    }
    let bucket = 1
    while (bucket < BUCKET_LIMITS.length && millis >= BUCKET_LIMITS[bucket]!) bucket++
    this.#putBuckets[bucket]!++
    if (millis > this.putMessageEntireTimeMax) this.putMessageEntireTimeMax = millis
  }

  /** A read was answered with `messages` messages. */
  getDone(millis: number, messages: number): void {
    if (messages > 0) {
      this.getMessageTimesTotalFound++
      this.getMessageTransferredMsgCount += messages
    } else this.getMessageTimesTotalMiss++
    if (millis > this.getMessageEntireTimeMax) this.getMessageEntireTimeMax = millis
    this.tick(this.#monotonic())
  }

  /** Leaves a sample when a second has passed since the last one. @param now monotonic clock, ms */
  tick(now: number): void {
    if (now >= this.#nextSample) this.#sample(now)
  }

  /** Puts by duration: bucket name to count, in Java's names. */
  putMessageDistributeTime(): Map<string, number> {
    return new Map(BUCKET_NAMES.map((name, i) => [name, this.#putBuckets[i]!]))
  }

  /** Messages put a second over the last `seconds`; 0 until there is that much history. */
  putTps(seconds: number): number {
    return this.#rate(seconds, (sample) => sample.put)
  }

  /** The store's part of the runtime info, under Java's names. */
  runtimeInfo(): Map<string, string> {
    const times = this.putMessageTimesTotal
    const tps = (of: (sample: Sample) => number): string =>
      [10, 60, 600].map((seconds) => doubleText(this.#rate(seconds, of))).join(' ')
    return new Map([
      ['bootTimestamp', String(this.bootTimestamp)],
      ['runtime', formatRuntime(this.#monotonic() - this.#started)],
      ['putMessageEntireTimeMax', String(Math.round(this.putMessageEntireTimeMax))],
      ['putMessageTimesTotal', String(times)],
      ['putMessageFailedTimes', String(this.putMessageFailedTimes)],
      ['putMessageSizeTotal', String(this.putMessageSizeTotal)],
      ['putMessageDistributeTime', [...this.putMessageDistributeTime()].map(([name, count]) => `${name}:${count}`).join(' ')],
      ['putMessageAverageSize', doubleText(times === 0 ? 0 : this.putMessageSizeTotal / times)],
      ['dispatchMaxBuffer', '0'],
      ['getMessageEntireTimeMax', String(Math.round(this.getMessageEntireTimeMax))],
      ['putTps', tps((sample) => sample.put)],
      ['getFoundTps', tps((sample) => sample.found)],
      ['getMissTps', tps((sample) => sample.miss)],
      ['getTotalTps', tps((sample) => sample.found + sample.miss)],
      ['getTransferredTps', tps((sample) => sample.transferred)],
      ['putLatency99', this.#latency(0.99).toFixed(2)],
      ['putLatency999', this.#latency(0.999).toFixed(2)]
    ])
  }

  #sample(now: number): void {
    this.#samples.push(this.#current(now))
    if (this.#samples.length > MAX_SAMPLES + 1) this.#samples.shift()
    this.#nextSample = now + 1000
  }

  /** Per second over the last `seconds`; 0 until there is that much history. */
  #rate(seconds: number, of: (sample: Sample) => number): number {
    const now = this.#monotonic()
    const cutoff = now - seconds * 1000
    if (cutoff < this.#started) return 0
    this.tick(now)
    const current = of(this.#current(now))
    const after = this.#samples.findIndex((sample) => sample.at >= cutoff)
    const before = this.#samples[after - 1]
    const first = this.#samples[after]
    // Under steady load the sample before the span is the exact one; after a pause nothing had happened since the one within it.
    if (before !== undefined && (first === undefined || (first.at > cutoff && first.at - before.at < 2000))) {
      return ((current - of(before)) * 1000) / (now - before.at)
    }
    return first === undefined ? 0 : (current - of(first)) / seconds
  }

  #current(now: number): Sample {
    return {
      at: now,
      put: this.putMessageTimesTotal,
      found: this.getMessageTimesTotalFound,
      miss: this.getMessageTimesTotalMiss,
      transferred: this.getMessageTransferredMsgCount
    }
  }

  /** Upper estimate from the buckets: within its bucket a share of puts is spread evenly. */
  #latency(share: number): number {
    const total = this.#putBuckets.reduce((sum, count) => sum + count, 0)
    let below = 0
    for (let i = 0; i < this.#putBuckets.length; i++) {
      const count = this.#putBuckets[i]!
      if (count > 0 && below + count >= total * share) {
        const low = BUCKET_LIMITS[i - 1] ?? 0
        const high = BUCKET_LIMITS[i] ?? this.putMessageEntireTimeMax
        return low + ((high - low) * (total * share - below)) / count
      }
      below += count
    }
    return 0
  }
}

function formatRuntime(millis: number): string {
  const seconds = Math.floor(millis / 1000)
  const parts = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60]
  return `[ ${parts[0]} days, ${parts[1]} hours, ${parts[2]} minutes, ${parts[3]} seconds ]`
}
