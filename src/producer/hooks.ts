import { checkOption, having, type Rule } from '../client/check-options.ts'
import { isPromise } from '../internal/async.ts'
import { MQClientException, RocketMQError } from '../internal/errors.ts'
import { type Logger, logText } from '../internal/logger.ts'
import type { CheckForbiddenContext, CheckForbiddenHook } from './check-forbidden-hook.ts'
import type { EndTransactionContext, EndTransactionHook } from './end-transaction-hook.ts'
import type { SendMessageContext, SendMessageHook } from './send-message-context.ts'

const SEND_MESSAGE_HOOK: Rule = having('sendMessageBefore', 'sendMessageAfter')
const CHECK_FORBIDDEN_HOOK: Rule = having('checkForbidden')
const END_TRANSACTION_HOOK: Rule = having('endTransaction')

/** A producer's hooks, in the order they were registered. */
export class ProducerHooks {
  readonly #logger: Logger
  readonly #send: SendMessageHook[] = []
  readonly #checkForbidden: CheckForbiddenHook[] = []
  readonly #endTransaction: EndTransactionHook[] = []

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @throws MQClientException for anything but a hook: found here, not by every send. */
  registerSendMessageHook(hook: SendMessageHook): void {
    checkOption('hook', hook, SEND_MESSAGE_HOOK)
    this.#send.push(hook)
  }

  /** @throws MQClientException for anything but a hook. */
  registerCheckForbiddenHook(hook: CheckForbiddenHook): void {
    checkOption('hook', hook, CHECK_FORBIDDEN_HOOK)
    this.#checkForbidden.push(hook)
  }

  /** @throws MQClientException for anything but a hook. */
  registerEndTransactionHook(hook: EndTransactionHook): void {
    checkOption('hook', hook, END_TRANSACTION_HOOK)
    this.#endTransaction.push(hook)
  }

  get any(): boolean {
    return this.#send.length > 0 || this.#checkForbidden.length > 0
  }

  get hasSendMessageHook(): boolean {
    return this.#send.length > 0
  }

  get hasCheckForbiddenHook(): boolean {
    return this.#checkForbidden.length > 0
  }

  get hasEndTransactionHook(): boolean {
    return this.#endTransaction.length > 0
  }

  /**
   * Runs every check.
   * @throws RocketMQError that the hook threw, or one of code FORBIDDEN around anything else it threw.
   */
  checkForbidden(context: CheckForbiddenContext): void {
    for (const hook of this.#checkForbidden) {
      try {
        const decided: unknown = hook.checkForbidden(context)
        if (isPromise(decided)) {
          this.#ignorePromise(hook.hookName, decided)
          throw new Error('it returned a promise, and has to decide at once')
        }
      } catch (error) {
        if (error instanceof RocketMQError) throw error
        throw new MQClientException(`hook ${hook.hookName} forbids this send: ${logText(error)}`, {
          code: 'FORBIDDEN',
          cause: error
        })
      }
    }
  }

  before(context: SendMessageContext): void {
    for (const hook of this.#send) {
      try {
        this.#ignorePromise(hook.hookName, hook.sendMessageBefore(context))
      } catch (error) {
        this.#report(hook.hookName, 'sendMessageBefore', error)
      }
    }
  }

  after(context: SendMessageContext): void {
    for (const hook of this.#send) {
      try {
        this.#ignorePromise(hook.hookName, hook.sendMessageAfter(context))
      } catch (error) {
        this.#report(hook.hookName, 'sendMessageAfter', error)
      }
    }
  }

  endTransaction(context: EndTransactionContext): void {
    for (const hook of this.#endTransaction) {
      try {
        this.#ignorePromise(hook.hookName, hook.endTransaction(context))
      } catch (error) {
        this.#report(hook.hookName, 'endTransaction', error)
      }
    }
  }

  /** An `async` function fits where one without a result is asked for; nobody else would notice its rejection. */
  #ignorePromise(hookName: string, returned: unknown): void {
    if (isPromise(returned)) Promise.resolve(returned).catch((error: unknown) => this.#report(hookName, 'its promise', error))
  }

  #report(hookName: string, where: string, error: unknown): void {
    this.#logger.warn(`hook ${hookName} failed in ${where}: ${logText(error)}`)
  }
}
