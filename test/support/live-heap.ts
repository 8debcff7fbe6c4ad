import { setFlagsFromString } from 'node:v8'
import { afterAll, beforeAll, expect } from 'vitest'

/** Live heap, bytes: the least of three collections. */
export async function liveHeap(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
    least = Math.min(least, process.memoryUsage().heapUsed)
  }
  return least
}

/**
 * For a file that compares heaps: its code is interpreted. What V8 compiles is in the heap as well, and grows, ever more slowly, by hundreds
 * of KiB over thousands of rounds.
 */
export function heapWithoutCompiledCode(): void {
  beforeAll(() => {
    expect(globalThis.gc).toBeDefined()
    for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug', '--no-flush-bytecode']) setFlagsFromString(flag)
  })
  // Processes of the test runner are used again. Not all versions of Node.js have Maglev on: it stays off.
  afterAll(() => {
    for (const flag of ['--opt', '--sparkplug', '--flush-bytecode']) setFlagsFromString(flag)
  })
}
