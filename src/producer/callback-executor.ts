import { isPromise } from '../internal/async.ts'
import { type Logger, logText } from '../internal/logger.ts'
import { runCallback } from './send-call.ts'
import type { CallbackExecutor, SendMessageCallback } from './send-options.ts'

/**
 * The callback, run by the application's executor: once, however often that runs it. When the executor throws or rejects before it has
 * run it, it runs all the same: an outcome is not to be lost.
 */
export function runBy(executor: CallbackExecutor, callback: SendMessageCallback, logger: Logger): SendMessageCallback {
  return (error, result) => {
    let ran = false
    const run = (): void => {
      if (ran) return
      ran = true
      runCallback(callback, error, result, { logger })
    }
    const failed = (thrown: unknown): void => {
      logger.warn(`callbackExecutor threw: ${logText(thrown)}`)
      run()
    }
    try {
      const returned: unknown = executor(run)
      if (isPromise(returned)) Promise.resolve(returned).catch(failed)
    } catch (thrown) {
      failed(thrown)
    }
  }
}
