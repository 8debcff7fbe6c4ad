// Taken when the module loads, like the timers of the clock: Jest's fake timers replace all three, Vitest's `setImmediate`,
// and neither producer nor broker may stand still for it.

/** Node's `process.nextTick`: runs a callback when the current one has ended, before any I/O. */
export const { nextTick } = process
/** Runs a callback with the promises that are settled now. */
export const nextMicrotask = globalThis.queueMicrotask
/** Node's `setImmediate`: runs a callback in the next turn of the event loop. */
export const nextTurn = globalThis.setImmediate

/** Settles in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve))
}
