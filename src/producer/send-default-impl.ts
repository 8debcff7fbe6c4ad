import pRetry from 'p-retry'
import type { SendCallback } from '../client/mq-client-api.ts'
import type { SendResult } from '../client/send-result.ts'
import type { Timer } from '../internal/clock.ts'
import { MQClientException, type RocketMQError } from '../internal/errors.ts'
import { attemptTimeout, isRetryable } from './retry-policy.ts'
import { hasAnotherBroker, hasUntriedBroker, selectOneMessageQueue } from './select-one-message-queue.ts'
import type { SendCall } from './send-call.ts'
import { attemptError, callTimeoutError, stillFailedError } from './send-error.ts'
import { sendKernelImpl } from './send-kernel-impl.ts'

/** A retry waits no longer for a route, ms: a silent name server must not take the time of the attempt. */
const LONGEST_LOOKUP_MILLIS = 500

/**
 * Sends to a queue of the topic, and again to another broker when that fails: the only place that retries. One deadline covers all
 * attempts. The first runs inline; p-retry takes over after its failure, so a send that succeeds at once pays nothing for it.
 */
export function sendDefaultImpl(call: SendCall, now: number): void {
  attempt(call, now, (error, result) => {
    if (!call.endAttempt(error, result)) return
    if (call.context.faultStrategy !== undefined) noteForStrategy(call, error)
    const failure = error ?? notStoredAsAsked(call, result)
    if (failure === undefined) call.succeed(result)
    else if (mayRetry(call, failure)) retry(call)
    else finish(call, failure)
  })
}

/** What this attempt says of its broker; one that had no queue or no address says nothing. */
function noteForStrategy(call: SendCall, error: RocketMQError | undefined): void {
  const { clock, faultStrategy, retryResponseCodes } = call.context
  const { addr, mq } = call
  if (mq === undefined || addr === '') return
  faultStrategy?.noteAttempt(mq.brokerName, clock.monotonic() - call.attemptBegin, error, retryResponseCodes)
}

function retry(call: SendCall): void {
  pRetry(() => attemptAgain(call), {
    retries: call.maxAttempts - call.attemptsMade - 1,
    minTimeout: 0,
    shouldRetry: ({ error }) => mayRetry(call, error as RocketMQError)
  }).then(
    (result) => call.succeed(result),
    (error: RocketMQError) => finish(call, error)
  )
}

async function attemptAgain(call: SendCall): Promise<SendResult | undefined> {
  await routeWithAnotherBroker(call)
  return await new Promise((resolve, reject) => {
    if (call.settled) return reject(GIVEN_UP)
    call.countRetry()
    tellRetry(call)
    attempt(call, call.context.clock.monotonic(), (error, result) => {
      if (!call.endAttempt(error, result)) return reject(GIVEN_UP)
      if (call.context.faultStrategy !== undefined) noteForStrategy(call, error)
      const failure = error ?? notStoredAsAsked(call, result)
      if (failure === undefined) resolve(result)
      else reject(failure)
    })
  })
}

/** Every broker of the route has been tried: the cluster may have changed, so the route is looked up before the next attempt. */
async function routeWithAnotherBroker(call: SendCall): Promise<void> {
  if (!call.routeInDoubt) return
  const { clock, instance } = call.context
  const info = instance.publishInfo(call.topic.name)
  if (info !== undefined && hasUntriedBroker(info, call.brokersSent)) return
  let timer: Timer | undefined
  const enough = new Promise<void>((resolve) => {
    timer = clock.setTimeout(resolve, Math.min(LONGEST_LOOKUP_MILLIS, call.remaining() / 2))
  })
  await Promise.race([instance.suspectRoute(call.topic.name), enough])
  timer?.cancel()
}

function tellRetry({ context, topic, uniqKey, attempts, attemptsMade }: SendCall): void {
  const attempt = attempts[attempts.length - 1]
  if (attempt !== undefined) context.events.emit('retry', { topic: topic.name, uniqKey, attempt, number: attemptsMade + 1 })
}

/** Ends the retries of a call that has settled already; nobody sees it. */
const GIVEN_UP = new MQClientException('the send was given up', { code: 'ABORTED' })

function attempt(call: SendCall, now: number, done: SendCallback): void {
  const { faultStrategy, instance } = call.context
  const info = instance.publishInfo(call.topic.name)
  const mq =
    info &&
    (faultStrategy === undefined
      ? selectOneMessageQueue(info, call.topic.indexFor(info), call.brokersSent)
      : faultStrategy.selectOneMessageQueue(info, call.topic.indexFor(info), call.brokersSent))
  if (info === undefined || mq === undefined) {
    call.beginAttemptWithoutQueue(now)
    done(noRouteAnyMore(call.topic.name), undefined)
    return
  }
  const attemptsLeft = call.maxAttempts - call.attemptsMade
  const anotherBroker = hasAnotherBroker(info, mq.brokerName)
  call.impatient = anotherBroker && attemptsLeft > 1
  const timeout = attemptTimeout(
    call.deadline - now,
    attemptsLeft,
    anotherBroker,
    call.context.config.sendMsgMaxTimeoutPerRequest
  )
  sendKernelImpl(call, mq, timeout, now, done)
}

/** `retryAnotherBrokerWhenNotStoreOK`: a result other than SEND_OK counts as a failure while attempts are left. */
function notStoredAsAsked(call: SendCall, result: SendResult | undefined): RocketMQError | undefined {
  if (result === undefined || result.sendStatus === 'SEND_OK') return undefined
  if (!call.context.config.retryAnotherBrokerWhenNotStoreOK || call.attemptsMade >= call.maxAttempts) return undefined
  call.keepStored(result)
  return new MQClientException(`the broker stored the message with ${result.sendStatus}`, {
    code: 'NOT_STORE_OK',
    maybeStored: true
  })
}

function mayRetry(call: SendCall, error: RocketMQError): boolean {
  if (call.settled || call.signal?.aborted || call.attemptsMade >= call.maxAttempts) return false
  return isRetryable(error, call.context.retryResponseCodes) && call.remaining() > 0
}

function finish(call: SendCall, error: RocketMQError): void {
  if (call.settled) return
  if (call.storedResult !== undefined) {
    call.succeed(call.storedResult)
    return
  }
  const failed = call.failedSend(error)
  if (!isRetryable(error, call.context.retryResponseCodes)) call.fail(attemptError(failed))
  else if (call.attemptsMade < call.maxAttempts) call.fail(callTimeoutError(failed))
  else call.fail(stillFailedError(failed))
}

function noRouteAnyMore(topic: string): MQClientException {
  return new MQClientException(`No route info of this topic: ${topic}`, { code: 'NO_ROUTE', responseCode: 10005 })
}
