import { describe, expect, it } from 'vitest'
import type { TopicPublishInfo } from '../../../../src/client/topic-publish-info.ts'
import {
  MQBrokerException,
  MQClientException,
  RemotingCommandException,
  RemotingConnectException,
  RemotingTimeoutException,
  RemotingTooMuchRequestException
} from '../../../../src/internal/errors.ts'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { LATENCY_MAX, MQFaultStrategy, NOT_AVAILABLE_DURATION } from '../../../../src/producer/latency/mq-fault-strategy.ts'
import { QueueIndex } from '../../../../src/producer/select-one-message-queue.ts'
import { MessageQueue } from '../../../../src/protocol/message-queue.ts'

const codes = new Set([1, 2, 14])

function rig(startDetectorEnable = false, latencyMax = LATENCY_MAX, notAvailableDuration = NOT_AVAILABLE_DURATION) {
  const clock = new HeldClock()
  const strategy = new MQFaultStrategy({
    clock,
    logger: silentLogger,
    detectTimeout: 200,
    detectInterval: 2000,
    latencyMax,
    notAvailableDuration,
    startDetectorEnable
  })
  return { clock, strategy, tolerance: strategy.tolerance }
}

function info(...brokers: string[]): TopicPublishInfo {
  const messageQueues = brokers.flatMap((name) => [new MessageQueue('T', name, 0), new MessageQueue('T', name, 1)])
  return {
    topic: 'T',
    messageQueues,
    formerQueues: [],
    orderTopic: false,
    routeData: { queueDatas: [], brokerDatas: [], filterServerTable: new Map() }
  }
}

/** Names of the brokers that many selections choose; a retry begins anywhere. */
function chosen(strategy: MQFaultStrategy, route: TopicPublishInfo, sent: string[] = []): string {
  const index = new QueueIndex()
  const names = Array.from({ length: 200 }, () => strategy.selectOneMessageQueue(route, index, sent)?.brokerName)
  return [...new Set(names)].sort().join()
}

describe('fault strategy', () => {
  it('looks up how long a broker is set aside from the end of the tables, those of 5.3.3 or others', () => {
    const { strategy } = rig()
    const lookedUp = [0, 49, 50, 100, 549, 550, 1799, 1800, 3000, 5000, 10_000, 15_000, 1e6]
    expect(lookedUp.map((latency) => strategy.computeNotAvailableDuration(latency))).toEqual([
      0, 0, 0, 0, 0, 2000, 2000, 5000, 6000, 10_000, 10_000, 30_000, 30_000
    ])
    // Those of 4.x.
    const older = rig(false, [50, 100, 550, 1000, 2000, 3000, 15_000], [0, 0, 30_000, 60_000, 120_000, 180_000, 600_000])
    expect(older.strategy.computeNotAvailableDuration(10_000)).toBe(180_000)
    expect(older.strategy.computeNotAvailableDuration(30_000)).toBe(600_000)
  })

  it('producer-71 goes round through all while all are well, and around a slow broker for its time', async () => {
    const { clock, strategy } = rig()
    const route = info('a', 'b', 'c')
    expect(chosen(strategy, route)).toBe('a,b,c')
    strategy.noteAttempt('b', 600, undefined, codes)
    expect(chosen(strategy, route)).toBe('a,c')
    await clock.advance(2000)
    expect(chosen(strategy, route)).toBe('a,b,c')
    expect(strategy.selectOneMessageQueue(info(), new QueueIndex(), [])).toBeUndefined()
  })

  it('a retry keeps away from the brokers this send has tried, and from slow ones while it can', () => {
    const { strategy } = rig()
    const route = info('a', 'b', 'c')
    strategy.noteAttempt('b', 600, undefined, codes)
    expect(chosen(strategy, route, ['a'])).toBe('c')
    strategy.noteAttempt('c', 600, undefined, codes)
    expect(chosen(strategy, route, ['a'])).toMatch(/^(b|c|b,c)$/)
    // All were tried: at least not the last one again.
    expect(chosen(strategy, route, ['a', 'b', 'c'])).toBe('a,b')
  })

  it('with everybody slow, one that can be reached comes before one that cannot', () => {
    const { strategy, tolerance } = rig(true)
    tolerance.updateFaultItem('a', 10_000, 10_000, false)
    tolerance.updateFaultItem('b', 10_000, 10_000, true)
    expect(chosen(strategy, info('a', 'b'))).toBe('b')
    tolerance.updateFaultItem('b', 10_000, 10_000, false)
    expect(chosen(strategy, info('a', 'b'))).toBe('a,b')
  })

  it('transport errors and answers that are tried elsewhere set a broker aside for 10 s, nothing else does', () => {
    const connect = new RemotingConnectException('x', { code: 'CONNECT_FAILED' })
    const cases = [
      [connect, false],
      [new RemotingTimeoutException('x', { code: 'TIMEOUT' }), false],
      // The time ran out while the connection was being opened.
      [new RemotingTooMuchRequestException('x', { code: 'TIMEOUT' }), false],
      [new MQBrokerException('x', { responseCode: 2 }), false],
      [new MQBrokerException('x', { responseCode: 13 }), true],
      [new RemotingTooMuchRequestException('x', { code: 'SEND_TIMEOUT' }), true],
      [new RemotingCommandException('x'), true],
      [new MQClientException('x', { code: 'ABORTED' }), true],
      [undefined, true]
    ] as const
    for (const [error, available] of cases) {
      const { strategy, tolerance, clock } = rig()
      strategy.noteAttempt('a', 3, error, codes)
      expect(tolerance.isAvailable('a'), String(error?.name)).toBe(available)
      // Without a detector nobody would find it back.
      expect(tolerance.isReachable('a')).toBe(true)
      if (!available) {
        expect(clock.monotonic()).toBe(0)
        expect(strategy.computeNotAvailableDuration(10_000)).toBe(10_000)
      }
    }
    const detected = rig(true)
    detected.strategy.noteAttempt('a', 3, connect, codes)
    detected.strategy.noteAttempt('b', 3, new MQBrokerException('x', { responseCode: 2 }), codes)
    expect([detected.tolerance.isReachable('a'), detected.tolerance.isReachable('b')]).toEqual([false, true])
  })
})
