import { describe, expect, it } from 'vitest'
import {
  MQBrokerException,
  MQClientException,
  RemotingCommandException,
  RemotingConnectException,
  RemotingSendRequestException,
  RemotingTimeoutException,
  RemotingTooMuchRequestException
} from '../../../src/internal/errors.ts'
import { DEFAULT_RETRY_RESPONSE_CODES } from '../../../src/producer/producer-options.ts'
import { attemptTimeout, isRetryable } from '../../../src/producer/retry-policy.ts'

const codes = new Set(DEFAULT_RETRY_RESPONSE_CODES)

describe('retry policy', () => {
  it('retries transport errors and the codes that are set, nothing that would fail again', () => {
    for (const ErrorClass of [
      RemotingConnectException,
      RemotingSendRequestException,
      RemotingTimeoutException,
      RemotingTooMuchRequestException,
      MQClientException
    ]) {
      expect(isRetryable(new ErrorClass('x'), codes)).toBe(true)
    }
    for (const responseCode of [17, 14, 1, 16, 204, 205, 2, 1500]) {
      expect(isRetryable(new MQBrokerException('x', { responseCode }), codes)).toBe(true)
    }
    for (const responseCode of [13, 3, 29, 215])
      expect(isRetryable(new MQBrokerException('x', { responseCode }), codes)).toBe(false)
    for (const responseCode of [29, 1])
      expect(
        isRetryable(new MQBrokerException('CODE: 29  DESC: request queueId[3] is illegal, ...', { responseCode }), new Set())
      ).toBe(true)
    for (const code of ['ABORTED', 'SHUTDOWN', 'FORBIDDEN', 'INTERNAL']) {
      expect(isRetryable(new MQClientException('x', { code }), codes)).toBe(false)
    }
    expect(isRetryable(new RemotingCommandException('frame too large'), codes)).toBe(false)
    expect(isRetryable(new RemotingCommandException('bad answer', { maybeStored: true }), codes)).toBe(true)
  })

  it('gives an attempt a fair share of the time while another broker is left, at least 500 ms', () => {
    expect(attemptTimeout(3000, 3, true, -1)).toBe(1000)
    expect(attemptTimeout(900, 3, true, -1)).toBe(500)
    expect(attemptTimeout(400, 3, true, -1)).toBe(400)
    expect(attemptTimeout(2000, 1, true, -1)).toBe(2000)
    expect(attemptTimeout(3000, 3, false, -1)).toBe(3000)
  })

  it('caps an attempt by sendMsgMaxTimeoutPerRequest while attempts are left', () => {
    expect(attemptTimeout(3000, 3, true, 700)).toBe(700)
    expect(attemptTimeout(3000, 3, false, 700)).toBe(700)
    expect(attemptTimeout(3000, 3, true, 2000)).toBe(1000)
    expect(attemptTimeout(3000, 1, true, 700)).toBe(3000)
  })
})
