import { describe, expect, it } from 'vitest'
import {
  RocketMQError as Base,
  MQBrokerException,
  MQClientException,
  RemotingConnectException,
  RemotingTimeoutException,
  type RocketMQError
} from '../../../src/internal/errors.ts'
import { attemptError, enrichError, stillFailedError, toRocketMQError } from '../../../src/producer/send-error.ts'

function failed(lastError: RocketMQError, addr = '127.0.0.1:10911') {
  const attempts = [{ brokerName: 'a', addr, queueId: 1, millis: 7, reason: lastError.message }]
  return { topic: 'T', uniqKey: 'ID', attempts, lastError, maybeStored: false, cost: 7.4 }
}

describe('send errors', () => {
  it('number the cause as Java does', () => {
    const codes: Array<[RocketMQError, number]> = [
      [new MQBrokerException('x', { responseCode: 14 }), 14],
      [new RemotingConnectException('x'), 10001],
      [new RemotingTimeoutException('x'), 10002],
      [new MQClientException('The broker[b] not exist'), 10003],
      [new Base('x'), -1]
    ]
    for (const [error, code] of codes) expect(stillFailedError(failed(error)).responseCode).toBe(code)
  })

  it('begin as Java does, then list the attempts', () => {
    expect(stillFailedError(failed(new MQBrokerException('CODE: 2  DESC: busy'))).message).toBe(
      'Send [1] times, still failed, cost [7]ms, Topic: T, BrokersSent: [a]\n  1. a 127.0.0.1:10911 queue 1, 7 ms: CODE: 2  DESC: busy'
    )
  })

  it('an address of a container points to brokerIP1; a hint that is there is kept', () => {
    expect(stillFailedError(failed(new RemotingConnectException('x'), '172.17.0.2:10911')).hint).toMatch(
      /announces the broker as 172\.17\.0\.2:10911, an address of a container.*brokerIP1/
    )
    expect(stillFailedError(failed(new RemotingConnectException('x'), '192.0.2.1:10911')).hint).toMatch(
      /^Nothing accepts connections at/
    )
    expect(stillFailedError(failed(new RemotingConnectException('x', { hint: 'mine' }))).hint).toBe('mine')
  })

  it('a topic for another type of messages is told from a message that is too large', () => {
    const refused = (text: string): string | undefined =>
      attemptError(failed(new MQBrokerException(`CODE: 13  DESC: ${text}`, { responseCode: 13 }))).hint
    expect(refused('TopicMessageType validate failed, the expected type is NORMAL, but actual type is DELAY')).toMatch(
      /message\.type/
    )
    expect(refused('the message is illegal, maybe msg properties length limit 32767')).toMatch(/maxMessageSize/)
  })

  it('keep class, text and cause of a single attempt, without changing the original', () => {
    const cause = new Error('reset')
    const original = new RemotingTimeoutException('wait response', { code: 'TIMEOUT', maybeStored: true, cause })
    const error = attemptError(failed(original))
    expect(error).toBeInstanceOf(RemotingTimeoutException)
    expect(error).toMatchObject({ message: 'wait response', code: 'TIMEOUT', uniqKey: 'ID', cause })
    expect(error.attempts).toHaveLength(1)
    expect(original.attempts).toHaveLength(0)
    expect(enrichError(original, { uniqKey: 'K' })).toMatchObject({
      maybeStored: true,
      uniqKey: 'K',
      name: 'RemotingTimeoutException'
    })
  })

  it('a foreign error becomes the cause of one of ours', () => {
    for (const thrown of [new TypeError('bug'), 'text']) {
      expect(toRocketMQError(thrown)).toMatchObject({ name: 'MQClientException', code: 'INTERNAL', cause: thrown })
    }
  })
})
