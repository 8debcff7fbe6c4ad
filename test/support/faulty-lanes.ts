import type { HeldClock } from '../../src/internal/held-clock.ts'

/** Resolves after `millis` of a held clock. */
export function pause(clock: HeldClock, millis: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, millis))
}

/** A small generator of chance from the run's seed, so that a failing run can be repeated. */
export function seededRandom(salt: number): () => number {
  let state = (Number(process.env.TEST_SEED) ^ (salt * 0x9e3779b9)) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
}
