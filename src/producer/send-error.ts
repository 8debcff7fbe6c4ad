import { parseAddress } from '../internal/address.ts'
import {
  MQBrokerException,
  MQClientException,
  RemotingConnectException,
  RemotingTimeoutException,
  RemotingTooMuchRequestException,
  RocketMQError,
  type RocketMQErrorOptions,
  type SendAttempt
} from '../internal/errors.ts'
import { textOf } from '../internal/logger.ts'

/** Numbers of client-side failures; Java's `ClientErrorCode`. */
const ClientErrorCode = {
  CONNECT_BROKER_EXCEPTION: 10001,
  ACCESS_BROKER_TIMEOUT: 10002,
  BROKER_NOT_EXIST_EXCEPTION: 10003,
  NO_NAME_SERVER_EXCEPTION: 10004,
  NOT_FOUND_TOPIC_EXCEPTION: 10005
} as const

/** A new error of the same class and text with more known about it. Errors may be shared between sends, so none is changed. */
export function enrichError<E extends RocketMQError>(error: E, more: RocketMQErrorOptions): E {
  const ErrorClass = error.constructor as new (message: string, options: RocketMQErrorOptions) => E
  return new ErrorClass(error.message, {
    code: error.code,
    responseCode: error.responseCode,
    retryable: error.retryable,
    maybeStored: error.maybeStored,
    attempts: error.attempts,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.uniqKey === undefined ? {} : { uniqKey: error.uniqKey }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
    ...more
  })
}

/** Our own error as it is; anything else becomes the cause of one, so that retries and callers only ever see ours. */
export function toRocketMQError(error: unknown): RocketMQError {
  if (error instanceof RocketMQError) return error
  return new MQClientException(`the send failed inside the client: ${textOf(error)}`, {
    code: 'INTERNAL',
    cause: error
  })
}

/** What the error of a whole send is made of. */
export interface FailedSend {
  readonly topic: string
  readonly uniqKey: string | undefined
  readonly attempts: SendAttempt[]
  readonly lastError: RocketMQError
  readonly maybeStored: boolean
  /** Ms from the call on. */
  readonly cost: number
}

/** No time was left for another attempt. */
export function callTimeoutError(failed: FailedSend): RemotingTooMuchRequestException {
  return new RemotingTooMuchRequestException(`sendDefaultImpl call timeout${attemptList(failed.attempts)}`, {
    ...details(failed),
    code: 'SEND_TIMEOUT',
    responseCode: ClientErrorCode.ACCESS_BROKER_TIMEOUT
  })
}

/** Every attempt failed; the text begins as Java's does. */
export function stillFailedError(failed: FailedSend): MQClientException {
  const { attempts, cost, topic, lastError } = failed
  const brokers = attempts.map((attempt) => attempt.brokerName).join(', ')
  return new MQClientException(
    `Send [${attempts.length}] times, still failed, cost [${Math.round(cost)}]ms, Topic: ${topic}, BrokersSent: [${brokers}]${attemptList(attempts)}`,
    { ...details(failed), code: 'SEND_FAILED', responseCode: responseCodeOf(lastError) }
  )
}

/** The error of the only, or of the last and final attempt, in its own class. */
export function attemptError(failed: FailedSend): RocketMQError {
  return enrichError(failed.lastError, {
    attempts: failed.attempts,
    maybeStored: failed.maybeStored,
    ...(failed.uniqKey === undefined ? {} : { uniqKey: failed.uniqKey }),
    ...hintOption(failed)
  })
}

function details(failed: FailedSend): RocketMQErrorOptions {
  return {
    attempts: failed.attempts,
    maybeStored: failed.maybeStored,
    retryable: false,
    cause: failed.lastError,
    ...(failed.uniqKey === undefined ? {} : { uniqKey: failed.uniqKey }),
    ...hintOption(failed)
  }
}

function attemptList(attempts: readonly SendAttempt[]): string {
  return attempts
    .map(
      (a, i) =>
        `\n  ${i + 1}. ${a.brokerName} ${a.addr === '' ? '(no address)' : a.addr} queue ${a.queueId}, ${a.millis} ms: ${a.reason}`
    )
    .join('')
}

function responseCodeOf(error: RocketMQError): number {
  if (error instanceof MQBrokerException) return error.responseCode
  if (error instanceof RemotingConnectException) return ClientErrorCode.CONNECT_BROKER_EXCEPTION
  if (error instanceof RemotingTimeoutException) return ClientErrorCode.ACCESS_BROKER_TIMEOUT
  if (error instanceof MQClientException) return ClientErrorCode.BROKER_NOT_EXIST_EXCEPTION
  return -1
}

function hintOption({ lastError, attempts }: FailedSend): { hint?: string } {
  const hint = lastError.hint ?? hintFor(lastError, attempts[attempts.length - 1]?.addr ?? '')
  return hint === undefined ? {} : { hint }
}

const CONTAINER = /^(172\.(1[6-9]|2\d|3[01])|10)\./

/** One sentence on the likely mistake. @param addr `host:port` of the last attempt. */
function connectHint(addr: string): string {
  let host = addr
  try {
    host = parseAddress(addr).host
  } catch {
    // Not an address after all: the text itself is the best name for it.
  }
  if (CONTAINER.test(host)) {
    return `The name server announces the broker as ${addr}, an address of a container or a private network: set brokerIP1 in the broker's configuration to an address this host can reach, or translate it with mapBrokerAddress.`
  }
  return `Nothing accepts connections at ${addr}, the address the broker registered: check that it runs, that brokerIP1 is an address this host can reach (mapBrokerAddress translates it), and that no firewall stands between.`
}

/** Remarks of ACL 1.0 and of 5.x's authentication and authorization. */
const ACCESS_REFUSED = /AclException|check signature failed|User:|username cannot be null/i
const ACCESS_HINT = 'The broker refuses the credentials: check accessKey and secretKey, and what that user may do with the topic.'

/** A 5.x proxy, or a broker that is told to, compares the kind of a message with what its topic is for. */
const WRONG_TYPE = /TopicMessageType/
const TYPE_HINT =
  "The topic takes messages of one type, its attribute message.type (NORMAL, DELAY, FIFO with a sharding key, TRANSACTION, MIXED): use another topic, or change it with mqadmin's updateTopic -a +message.type=..."

/** A time that is too far ahead is an unacceptable message too, and has nothing to do with its size. */
const WRONG_TIME = /timer message illegal/
const TIME_HINT =
  "Nothing is delivered later than the broker's timerMaxDelaySec allows, 3 days unless it was raised: send nearer to the time, or raise it."

const CODE_HINTS = new Map<number, string>([
  [2, 'The broker is busy: send less at a time, or give it more time with sendMsgTimeout.'],
  [
    13,
    "The broker refuses the message: compare body and properties with the broker's maxMessageSize and the 32767 bytes of properties."
  ],
  [14, 'The broker cannot store now: its disk may be full, or it is a slave.'],
  [16, 'Writing is not permitted: check the permission of topic and broker, and the credentials.'],
  [17, 'The topic does not exist at the broker: create it, or switch on autoCreateTopicEnable.'],
  [215, 'The broker limits the rate: send less at a time.']
])

function hintFor(error: RocketMQError, addr: string): string | undefined {
  if (error instanceof RemotingConnectException) return connectHint(addr)
  if (error instanceof MQBrokerException) {
    if (WRONG_TYPE.test(error.message)) return TYPE_HINT
    if (WRONG_TIME.test(error.message)) return TIME_HINT
    return ACCESS_REFUSED.test(error.message) ? ACCESS_HINT : CODE_HINTS.get(error.responseCode)
  }
  if (error instanceof RemotingTimeoutException) {
    return 'The broker took the connection but did not answer in time: it may be stopped or overloaded; sendMsgTimeout sets the time for the whole send.'
  }
  return undefined
}
