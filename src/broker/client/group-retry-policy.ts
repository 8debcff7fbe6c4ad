import { type FastjsonValue, isObject } from '../../protocol/fastjson.ts'

/**
 * How long a message waits for its next try, by Java's names. A proxy asks for it and goes by it; the broker keeps it, and goes by its delay
 * levels.
 */
export interface GroupRetryPolicy {
  type: 'EXPONENTIAL' | 'CUSTOMIZED'
  exponentialRetryPolicy?: { initial: number; max: number; multiplier: number }
  customizedRetryPolicy?: { next: number[] }
}

/** Java's, as they are its delay levels. */
const CUSTOMIZED_SECONDS = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200]
/** Longer ones are cut: a group is kept in memory. */
const MAX_TIMES = 1024

/** A policy as a request or a file has it; what is missing, or of another kind, gets Java's default. */
export function groupRetryPolicyOf(value: FastjsonValue | undefined): GroupRetryPolicy {
  if (!isObject(value)) return { type: 'CUSTOMIZED' }
  const policy: GroupRetryPolicy = { type: value.type === 'EXPONENTIAL' ? 'EXPONENTIAL' : 'CUSTOMIZED' }
  const { exponentialRetryPolicy: exponential, customizedRetryPolicy: customized } = value
  if (isObject(exponential)) {
    policy.exponentialRetryPolicy = {
      initial: whole(exponential.initial) ?? 5000,
      max: whole(exponential.max) ?? 7_200_000,
      multiplier: whole(exponential.multiplier) ?? 2
    }
  }
  if (isObject(customized)) {
    const { next } = customized
    policy.customizedRetryPolicy = {
      next: Array.isArray(next)
        ? next.slice(0, MAX_TIMES).map((millis) => whole(millis) ?? 0)
        : CUSTOMIZED_SECONDS.map((seconds) => seconds * 1000)
    }
  }
  return policy
}

/** Java's numbers here are whole: what is behind the point falls away. */
function whole(value: FastjsonValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : undefined
}
