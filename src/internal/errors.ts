/** One attempt of a send, as it is reported on errors. */
export interface SendAttempt {
  /** Empty when no broker could be chosen. */
  brokerName: string
  /** `host:port` that was used, or an empty string when none was known. */
  addr: string
  /** -1 when no queue could be chosen. */
  queueId: number
  /** How long the attempt took, ms. */
  millis: number
  /** Why it failed: the text of its error, or the send status that was not enough. */
  reason: string
}

/** Fields of a {@link RocketMQError}. */
export interface RocketMQErrorOptions {
  /** Stable machine-readable name, e.g. `NO_ROUTE`. */
  code?: string
  /** Java's numeric code: a broker response code, or a client code from 10001 on; -1 when there is none. @default -1 */
  responseCode?: number
  /** Whether another attempt, on another broker, may succeed. @default false */
  retryable?: boolean
  /** Whether the message may have been stored although the send failed. @default false */
  maybeStored?: boolean
  /** What was tried, in order. @default none */
  attempts?: SendAttempt[]
  /** One sentence: the likely mistake and what to do. */
  hint?: string
  /** The client message id, so that a later re-send can keep it. */
  uniqKey?: string
  /** The error behind this one. */
  cause?: unknown
}

/**
 * `instanceof` works across the ESM and the CommonJS copy of this package: each class carries a brand from the global symbol
 * registry and compares brands instead of prototypes.
 */
function brand(name: string): symbol {
  return Symbol.for(`rocketmq-producer.error.${name}`)
}

/** Classes whose prototype carries its brand. */
const branded = new WeakSet<typeof RocketMQError>()

/** Once for each class: a prototype that carries the brand costs an error nothing. */
function brandClass(errorClass: typeof RocketMQError): void {
  branded.add(errorClass)
  for (let c: typeof RocketMQError | null = errorClass; c?.brandName !== undefined; c = Object.getPrototypeOf(c)) {
    Object.defineProperty(errorClass.prototype, brand(c.brandName), { value: true, configurable: true })
  }
}

function hasBrand(value: unknown, symbol: symbol): boolean {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[symbol] === true
}

/** Base of every error this package throws. */
export class RocketMQError extends Error {
  /** @internal */
  static readonly brandName: string = 'RocketMQError'
  /** Stable machine-readable name, e.g. `NO_ROUTE`. */
  readonly code: string
  /** Java's numeric code: a broker response code, or a client code from 10001 on; -1 when there is none. */
  readonly responseCode: number
  /** Whether another attempt, on another broker, may succeed. */
  readonly retryable: boolean
  /** Whether the message may have been stored although the send failed. False: certainly not. */
  readonly maybeStored: boolean
  /** What was tried, in order. */
  readonly attempts: SendAttempt[]
  /** One sentence: the likely mistake and what to do. */
  readonly hint: string | undefined
  /** The client message id, so that a later re-send can keep it. */
  readonly uniqKey: string | undefined

  constructor(message: string, options: RocketMQErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const errorClass = new.target as typeof RocketMQError
    this.name = errorClass.brandName
    this.code = options.code ?? 'ERR_ROCKETMQ'
    this.responseCode = options.responseCode ?? -1
    this.retryable = options.retryable ?? false
    this.maybeStored = options.maybeStored ?? false
    this.attempts = options.attempts ?? []
    this.hint = options.hint
    this.uniqKey = options.uniqKey
    if (!branded.has(errorClass)) brandClass(errorClass)
  }

  /** Goes by the brand, across copies of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasBrand(value, brand(this.brandName))
  }
}

/** Wrong use, failed validation, or a send that failed for good; Java's `MQClientException`. */
export class MQClientException extends RocketMQError {
  /** @internal */
  static override readonly brandName: string = 'MQClientException'
}

/** A broker answered with an error code; Java's `MQBrokerException`. */
export class MQBrokerException extends RocketMQError {
  /** @internal */
  static override readonly brandName: string = 'MQBrokerException'
}

/** Anything that went wrong on the wire; Java's `RemotingException`. */
export class RemotingException extends RocketMQError {
  /** @internal */
  static override readonly brandName: string = 'RemotingException'
}

/** No connection to the address could be opened. Nothing was sent. */
export class RemotingConnectException extends RemotingException {
  /** @internal */
  static override readonly brandName: string = 'RemotingConnectException'
}

/** The connection was lost before the answer came. */
export class RemotingSendRequestException extends RemotingException {
  /** @internal */
  static override readonly brandName: string = 'RemotingSendRequestException'
}

/** No answer within the time allowed. */
export class RemotingTimeoutException extends RemotingException {
  /** @internal */
  static override readonly brandName: string = 'RemotingTimeoutException'
}

/** The time or the permits allowed were used up before anything was sent. */
export class RemotingTooMuchRequestException extends RemotingException {
  /** @internal */
  static override readonly brandName: string = 'RemotingTooMuchRequestException'
}

/** The peer sent, or we were asked to send, bytes that break the protocol; names the field and the bound. */
export class RemotingCommandException extends RemotingException {
  /** @internal */
  static override readonly brandName: string = 'RemotingCommandException'
}

/** A request-reply call got no reply in time; Java's `RequestTimeoutException`. */
export class RequestTimeoutException extends RocketMQError {
  /** @internal */
  static override readonly brandName: string = 'RequestTimeoutException'
}
