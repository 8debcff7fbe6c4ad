/** Told when a signal aborts. */
export interface AbortListener {
  onAbort(): void
}

interface Watch {
  readonly listeners: Set<AbortListener>
  readonly handler: () => void
}

const watches = new WeakMap<AbortSignal, Watch>()

/**
 * One listener on each signal, however many sends share it: Node warns of a leak from the eleventh on.
 */
export function watchAbort(signal: AbortSignal, listener: AbortListener): void {
  let watch = watches.get(signal)
  if (watch === undefined) {
    const listeners = new Set<AbortListener>()
    const handler = (): void => {
      for (const each of [...listeners]) each.onAbort()
    }
    watch = { listeners, handler }
    watches.set(signal, watch)
    signal.addEventListener('abort', handler, { once: true })
  }
  watch.listeners.add(listener)
}

/** Ends what {@link watchAbort} began; harmless when it never did. */
export function unwatchAbort(signal: AbortSignal, listener: AbortListener): void {
  const watch = watches.get(signal)
  if (watch === undefined) return
  watch.listeners.delete(listener)
  if (watch.listeners.size > 0) return
  watches.delete(signal)
  signal.removeEventListener('abort', watch.handler)
}
