import { LONGEST_TIMEOUT, shown } from '../../client/check-options.ts'
import { brokerVIPChannel } from '../../client/vip-channel.ts'
import { MQClientException, type RocketMQError } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import type { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { TopicRouteData } from '../../protocol/topic-route.ts'
import type { ProducerContext } from '../producer-context.ts'
import { toRocketMQError } from '../send-error.ts'
import { checkIsSignal, illegal } from '../validators.ts'
import type { AdminOptions } from './admin-options.ts'

/** Java's `MQAdminImpl`. */
const DEFAULT_TIMEOUT = 6000

/** A call that sends no message: one deadline and one signal for everything it asks. */
export class AdminCall {
  readonly context: ProducerContext
  readonly signal: AbortSignal | undefined
  readonly #deadline: number

  /** @throws MQClientException for options that are none, or a signal that is aborted. */
  constructor(context: ProducerContext, options: AdminOptions | undefined, defaultTimeout = DEFAULT_TIMEOUT) {
    if (options !== undefined && typeof options !== 'object') {
      throw illegal(`the options of a call are ${shown(options)}: allowed is an object, { timeout, signal }`)
    }
    const timeout = options?.timeout ?? defaultTimeout
    if (typeof timeout !== 'number' || !(timeout > 0 && timeout <= LONGEST_TIMEOUT)) {
      throw illegal(`timeout is ${shown(timeout)}: a number of ms from 1 to ${LONGEST_TIMEOUT} is needed`)
    }
    this.context = context
    this.signal = options?.signal
    if (this.signal !== undefined) checkIsSignal(this.signal)
    this.#deadline = context.clock.monotonic() + timeout
    if (this.signal?.aborted) throw this.error(this.signal.reason)
  }

  /** Ms that are left, at least one. */
  get left(): number {
    return Math.max(1, Math.ceil(this.#deadline - this.context.clock.monotonic()))
  }

  /** Whether there is no reason to ask again. */
  get over(): boolean {
    return this.signal?.aborted === true || this.#deadline <= this.context.clock.monotonic()
  }

  /** @throws MQBrokerException for every answer but SUCCESS. */
  ask(addr: string, code: number, fields: Readonly<Record<string, string | undefined>>): Promise<RemotingCommand> {
    const { instance, config } = this.context
    return instance.api.invokeBroker(brokerVIPChannel(config.vipChannelEnabled, addr), code, fields, this.left, this.signal)
  }

  /** The route of a topic, with its namespace, asked of a name server now; undefined when there is none. */
  route(topic: string): Promise<TopicRouteData | undefined> {
    return this.context.instance.fetchTopicRoute(topic, this.left, this.signal)
  }

  /** What went wrong as an error of ours; after an abort it is that, whoever noticed it. */
  error(thrown: unknown): RocketMQError {
    const { signal } = this
    if (signal?.aborted) {
      return new MQClientException(`the call was aborted: ${logText(signal.reason)}`, { code: 'ABORTED', cause: signal.reason })
    }
    return toRocketMQError(thrown)
  }

  /** The same in a text that says what was tried, as Java wraps it; an abort stays as it is. */
  failed(text: string, thrown: unknown): RocketMQError {
    const cause = this.error(thrown)
    if (cause.code === 'ABORTED') return cause
    return new MQClientException(`${text}: ${cause.message}`, {
      code: cause.code,
      responseCode: cause.responseCode,
      cause,
      ...(cause.hint === undefined ? {} : { hint: cause.hint })
    })
  }
}
