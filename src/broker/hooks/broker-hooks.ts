import { MQClientException } from '../../internal/errors.ts'
import { type Logger, logText } from '../../internal/logger.ts'

/** What a broker's send hook sees; Java's `org.apache.rocketmq.broker.mqtrace.SendMessageContext`. */
export interface BrokerSendMessageContext {
  /** The broker that got the send. */
  readonly brokerName: string
  /** Group of the producer. */
  readonly producerGroup: string
  /** As it was sent; a delayed message is stored elsewhere. */
  readonly topic: string
  /** The queue asked for, negative for any; after the send the one that was taken. */
  queueId: number
  /** Bytes. */
  readonly bodyLength: number
  /** `name U+0001 value U+0002 ...` as they were sent. */
  readonly msgProps: string
  /** `host:port` of the producer. */
  readonly bornHost: string
  /** Wall clock of the producer, ms. */
  readonly bornTimeStamp: number
  /** Empty where the producer gave none. */
  readonly msgUniqueKey: string
  /** Response code; from here on only after the send. */
  code?: number
  /** Remark of a refusal. */
  errorMsg?: string | undefined
  /** Offset message id of a stored message. */
  msgId?: string | undefined
  /** Place of a stored message in its queue. */
  queueOffset?: number | undefined
}

/** What a broker's consume hook sees; Java's `org.apache.rocketmq.broker.mqtrace.ConsumeMessageContext`. */
export interface BrokerConsumeMessageContext {
  /** The broker that was asked. */
  readonly brokerName: string
  /** Group of the consumer. */
  readonly consumerGroup: string
  /** Topic that is pulled; of a send-back that of the message. */
  readonly topic: string
  /** Its queue. */
  readonly queueId: number
  /** `host:port` of the consumer. */
  readonly clientHost: string
  /** How many messages the pull found; of a send-back 1. */
  readonly rcvMsgNum: number
  /** Their bytes. */
  readonly bodyLength: number
  /** Response code of the pull or the send-back. */
  readonly code: number
  /** Only after: whether the message was consumed; false for one that was sent back. */
  readonly success?: boolean
  /** Only after: `RECONSUME_LATER`. */
  readonly status?: string
}

/**
 * Sees every send (10, 310, 320) before the broker looks at it, and its answer. Hooks are synchronous; what they throw is logged, except an
 * {@link AbortProcessException} before the send, which becomes the answer.
 */
export interface BrokerSendMessageHook {
  /** Names it in log lines. */
  hookName: string
  /** Before the broker looks at the send. */
  sendMessageBefore(context: BrokerSendMessageContext): void
  /** Once for each send that no hook aborted, when its outcome is known. */
  sendMessageAfter(context: BrokerSendMessageContext): void
}

/**
 * Sees every answer to a pull (11, 361) before it leaves, and every message that is sent back (36). What it throws is logged, except an
 * {@link AbortProcessException} before, which becomes the answer.
 */
export interface BrokerConsumeMessageHook {
  /** Names it in log lines. */
  hookName: string
  /** Before the answer to a pull leaves; a pull that is held is shown when it is answered. */
  consumeMessageBefore(context: BrokerConsumeMessageContext): void
  /** When a message that was sent back is stored again. */
  consumeMessageAfter(context: BrokerConsumeMessageContext): void
}

/**
 * What a broker's hook throws to decide the answer itself; Java's `AbortProcessException`.
 *
 * @example
 * throw new AbortProcessException(215, 'too many sends of this group')
 */
export class AbortProcessException extends Error {
  /** Tells it apart from what hooks throw by mistake. */
  override readonly name = 'AbortProcessException'
  /** Code of the answer. */
  readonly responseCode: number
  /** Remark of the answer. */
  readonly errorMessage: string

  /** @param responseCode one of RocketMQ's response codes, -32768 to 32767. */
  constructor(responseCode: number, errorMessage: string) {
    super(`${responseCode} ${errorMessage}`)
    this.responseCode = responseCode
    this.errorMessage = errorMessage
  }
}

type Named = { hookName: string }

/** Hooks of one broker, or of several that share them; in the order they were registered. */
export class BrokerHooks {
  readonly #send: BrokerSendMessageHook[] = []
  readonly #consume: BrokerConsumeMessageHook[] = []

  /** @throws MQClientException (`BAD_OPTION`) for anything but a hook. */
  registerSendMessageHook(hook: BrokerSendMessageHook): void {
    checkHook(hook, ['sendMessageBefore', 'sendMessageAfter'])
    this.#send.push(hook)
  }

  /** @throws MQClientException (`BAD_OPTION`) for anything but a hook. */
  registerConsumeMessageHook(hook: BrokerConsumeMessageHook): void {
    checkHook(hook, ['consumeMessageBefore', 'consumeMessageAfter'])
    this.#consume.push(hook)
  }

  get hasSendMessageHook(): boolean {
    return this.#send.length > 0
  }

  get hasConsumeMessageHook(): boolean {
    return this.#consume.length > 0
  }

  /** @returns what the first hook that aborts wants answered; those behind it are not asked. */
  sendMessageBefore(context: BrokerSendMessageContext, logger: Logger): AbortProcessException | undefined {
    return run(this.#send, (hook) => hook.sendMessageBefore(context), logger)
  }

  sendMessageAfter(context: BrokerSendMessageContext, logger: Logger): void {
    for (const hook of this.#send) run([hook], () => hook.sendMessageAfter(context), logger)
  }

  /** @returns what the first hook that aborts wants answered; those behind it are not asked. */
  consumeMessageBefore(context: BrokerConsumeMessageContext, logger: Logger): AbortProcessException | undefined {
    return run(this.#consume, (hook) => hook.consumeMessageBefore(context), logger)
  }

  consumeMessageAfter(context: BrokerConsumeMessageContext, logger: Logger): void {
    for (const hook of this.#consume) run([hook], () => hook.consumeMessageAfter(context), logger)
  }
}

function run<H extends Named>(hooks: readonly H[], call: (hook: H) => void, logger: Logger): AbortProcessException | undefined {
  for (const hook of hooks) {
    try {
      call(hook)
    } catch (error) {
      // The class may be that of the package's other copy, ESM or CJS.
      if (isAbort(error)) return error
      logger.warn(`hook ${logText(hook.hookName)} failed: ${logText(error)}`)
    }
  }
  return undefined
}

function isAbort(error: unknown): error is AbortProcessException {
  const given = error as Partial<AbortProcessException> | undefined
  return given?.name === 'AbortProcessException' && isCode(given.responseCode)
}

/** A code has to fit into a binary header. */
const isCode = (code: unknown): boolean => Number.isInteger(code) && (code as number) >= -32_768 && (code as number) <= 32_767

function checkHook(hook: unknown, calls: readonly string[]): void {
  const given = hook as Record<string, unknown> | null | undefined
  const missing = calls.find((call) => typeof given?.[call] !== 'function')
  if (missing !== undefined || typeof given?.['hookName'] !== 'string') {
    const what = missing === undefined ? 'hookName is no text' : `${missing} is no function`
    throw new MQClientException(`a broker's hook has hookName, ${calls.join(' and ')}: ${what}`, { code: 'BAD_OPTION' })
  }
}
