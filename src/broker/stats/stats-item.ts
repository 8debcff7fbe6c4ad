/** What became of a counter over a minute, an hour or a day; Java's `StatsSnapshot`. */
export interface StatsSnapshot {
  /** What was added. */
  readonly sum: number
  /** Per second. */
  readonly tps: number
  /** Per addition. */
  readonly avgpt: number
}

interface CallSnapshot {
  /** Wall clock, ms. */
  readonly at: number
  readonly value: number
  readonly times: number
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** How often each span is sampled, ms, and how many samples it keeps. */
const SPANS = {
  minute: { period: 10 * SECOND, kept: 7 },
  hour: { period: 10 * MINUTE, kept: 7 },
  day: { period: HOUR, kept: 25 }
} as const

export type StatsSpan = keyof typeof SPANS
export const STATS_SPANS = Object.keys(SPANS) as StatsSpan[]

/** Ms between the samples of a span. */
export function samplingPeriod(span: StatsSpan): number {
  return SPANS[span].period
}

const NOTHING: StatsSnapshot = { sum: 0, tps: 0, avgpt: 0 }

/** A sum, how often something was added to it, and what it was a while ago; Java's `StatsItem`. */
export class StatsItem {
  value = 0
  times = 0
  readonly #samples: Record<StatsSpan, CallSnapshot[]> = { minute: [], hour: [], day: [] }

  /** The first sample counts from one period before: what came in before it has come since then. @param now wall clock, ms */
  sample(span: StatsSpan, now: number): void {
    const samples = this.#samples[span]
    const { period, kept } = SPANS[span]
    if (samples.length === 0) samples.push({ at: now - period, value: 0, times: 0 })
    samples.push({ at: now, value: this.value, times: this.times })
    if (samples.length > kept) samples.shift()
  }

  snapshot(span: StatsSpan): StatsSnapshot {
    const samples = this.#samples[span]
    const first = samples[0]
    const last = samples.at(-1)
    if (first === undefined || last === undefined || last.at <= first.at) return NOTHING
    const sum = last.value - first.value
    const times = last.times - first.times
    return { sum, tps: (sum * SECOND) / (last.at - first.at), avgpt: times > 0 ? sum / times : 0 }
  }
}
