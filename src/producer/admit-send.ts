import { isPromise } from '../internal/async.ts'
import { RemotingTooMuchRequestException } from '../internal/errors.ts'
import { type BackPressure, noRoom } from './back-pressure.ts'
import { prepareSend } from './prepare-send.ts'
import type { PublishTopics } from './publish-topic.ts'
import type { SendCall } from './send-call.ts'
import { sendDefaultImpl } from './send-default-impl.ts'
import { toRocketMQError } from './send-error.ts'
import { SendLane } from './send-lane.ts'
import { sendSelectImpl, sendToQueue } from './send-select-impl.ts'

/** A route that does not come in time says more about it than this timeout, ms: it goes first. */
const LATE_MILLIS = 10

/**
 * The way of a call to its first attempt: room, then route and compression, then a queue. Each stage is first in, first out, so the sends
 * to one queue leave in the order they were called. Ordinarily nothing waits, and all of it runs within the call.
 */
export function admitSend(call: SendCall, topics: PublishTopics): void {
  const { backPressure, config } = call.context
  if (backPressure === undefined) {
    prepare(call, topics, call.begin)
  } else if (backPressure.tryAcquire(call.weight)) {
    call.holdsRoom = true
    prepare(call, topics, call.begin)
  } else if (config.whenFull === 'reject') {
    refuse(call, backPressure, 'and whenFull is reject')
  } else {
    waitForRoom(call, backPressure, topics)
  }
}

function waitForRoom(call: SendCall, backPressure: BackPressure, topics: PublishTopics): void {
  const { clock } = call.context
  call.waitsForRoom = backPressure.wait({
    weight: call.weight,
    get settled() {
      return call.settled
    },
    onRoom() {
      call.timer?.cancel()
      call.timer = undefined
      call.waitsForRoom = false
      call.holdsRoom = true
      prepare(call, topics, clock.monotonic())
    }
  })
  if (call.waitsForRoom) {
    const giveUp = (): void => refuse(call, backPressure, 'and none ended in time')
    call.timer = clock.setTimeout(giveUp, call.deadline - call.begin)
  } else {
    refuse(call, backPressure, 'and the line is full')
  }
}

function refuse(call: SendCall, backPressure: BackPressure, why: string): void {
  call.context.stats.refusedFull++
  call.fail(noRoom(backPressure, call.weight, why, call.uniqKey))
}

/** @param now monotonic ms. */
function prepare(call: SendCall, topics: PublishTopics, now: number): void {
  let waiting: Promise<unknown> | undefined
  try {
    waiting = prepareSend(call)
  } catch (error) {
    call.failUnsent(toRocketMQError(error))
    return
  }
  if (isPromise(waiting) || call.topic.lane !== undefined) queueUp(call, topics, waiting)
  else dispatch(call, now)
}

function queueUp(call: SendCall, topics: PublishTopics, waiting: Promise<unknown> | undefined): void {
  const { topic, context } = call
  topic.lane ??= new SendLane()
  const lane = topic.lane
  const entry = {
    ready: waiting === undefined,
    get settled() {
      return call.settled
    },
    proceed: () => {
      call.timer?.cancel()
      call.timer = undefined
      call.onSettled = undefined
      dispatch(call, context.clock.monotonic())
    }
  }
  lane.push(entry)
  const advance = (): void => {
    lane.drain()
    if (!lane.empty || topic.lane !== lane) return
    topic.lane = undefined
    // A chosen queue needs no route: its topic is in use all the same, and calls that wait for room share this lane.
    if (call.queue === undefined && context.instance.publishInfo(topic.name) === undefined) topics.forget(topic)
  }
  // What it waits for may never come, a codec's promise for one: it leaves the line when its time is over, and when it is aborted.
  call.timer = context.clock.setTimeout(() => call.failUnsent(callTimeout()), call.remaining() + LATE_MILLIS)
  call.onSettled = advance
  waiting
    ?.then(
      () => {
        entry.ready = true
      },
      (error: unknown) => call.failUnsent(toRocketMQError(error))
    )
    .finally(advance)
    .catch((error: unknown) => context.logger.error(`a send lane failed: ${String(error)}`))
}

/** @param now monotonic ms. */
function dispatch(call: SendCall, now: number): void {
  if (now >= call.deadline) {
    call.failUnsent(callTimeout())
  } else if (call.queue !== undefined) {
    sendToQueue(call, call.queue, now)
  } else if (call.selector !== undefined) {
    sendSelectImpl(call, now)
  } else {
    sendDefaultImpl(call, now)
  }
}

function callTimeout(): RemotingTooMuchRequestException {
  return new RemotingTooMuchRequestException('sendDefaultImpl call timeout', { code: 'SEND_TIMEOUT', responseCode: 10002 })
}
