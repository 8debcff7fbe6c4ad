import type { Logger } from '../internal/logger.ts'
import { logText } from '../internal/logger.ts'

/** Calls code that is not ours: what it throws is reported and goes no further. */
export function guard<A extends unknown[]>(logger: Logger, what: string, callback: (...args: A) => void, ...args: A): void {
  try {
    callback(...args)
  } catch (thrown) {
    logger.error(`${what} threw: ${logText(thrown)}`)
  }
}
