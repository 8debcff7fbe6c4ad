const turn = globalThis.setImmediate

/** Lets the event loop turn `count` times. */
export async function nextTurn(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => turn(resolve))
}

/**
 * Lets the event loop turn until `condition` holds; for states that have no event. Gives up after many turns (seconds), so a test that
 * fails says why instead of hanging.
 */
export async function until(condition: () => boolean, why: () => string = () => 'the condition never held'): Promise<void> {
  const end = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > end) throw new Error(why())
    await nextTurn()
  }
}
