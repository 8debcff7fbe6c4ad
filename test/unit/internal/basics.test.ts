import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '../../../src/internal/address.ts'
import { deferred, isPromise, SingleFlight } from '../../../src/internal/async.ts'
import { realClock } from '../../../src/internal/clock.ts'
import {
  MQClientException,
  RemotingConnectException,
  RemotingException,
  RemotingTimeoutException,
  RocketMQError
} from '../../../src/internal/errors.ts'
import { logText } from '../../../src/internal/logger.ts'

test('addresses split at the last colon, with and without brackets, and format back', () => {
  expect(parseAddress('127.0.0.1:9876')).toEqual({ host: '127.0.0.1', port: 9876 })
  expect(parseAddress(' [::1]:9876 ')).toEqual({ host: '::1', port: 9876 })
  expect(parseAddress('fe80::1:9876')).toEqual({ host: 'fe80::1', port: 9876 })
  expect(formatAddress('::1', 1)).toBe('[::1]:1')
  const broken = ['a b:1', 'h\r\nx:1', '\u001b[31m:1', 'http://h:1', '@:1', '/etc:1']
  for (const text of ['', 'host', ':1', 'host:', 'host:0', 'host:65536', 'host:-1', 'host:1x', '[]:1', 'host:1e3', ...broken]) {
    expect(() => parseAddress(text), text).toThrow(MQClientException)
  }
})

test('errors are told apart by brand, so that another copy of a class matches too', () => {
  const error = new RemotingConnectException('x', { retryable: true })
  expect(error).toBeInstanceOf(RemotingConnectException)
  expect(error).toBeInstanceOf(RemotingException)
  expect(error).toBeInstanceOf(RocketMQError)
  expect(error).not.toBeInstanceOf(RemotingTimeoutException)
  expect(error).not.toBeInstanceOf(MQClientException)
  const foreign = { [Symbol.for('rocketmq-producer.error.RemotingConnectException')]: true }
  expect(foreign instanceof RemotingConnectException).toBe(true)
  expect([error.name, error.maybeStored, error.responseCode, error.retryable]).toEqual([
    'RemotingConnectException',
    false,
    -1,
    true
  ])
})

test('single flight shares one outcome per key and forgets it afterwards', async () => {
  const flights = new SingleFlight<string, number>()
  const gate = deferred<number>()
  let runs = 0
  const work = (): Promise<number> => {
    runs++
    return gate.promise
  }
  const both = [flights.run('a', work), flights.run('a', work)]
  gate.resolve(1)
  expect(await Promise.all(both)).toEqual([1, 1])
  expect(runs).toBe(1)
  await flights.run('a', work)
  expect(runs).toBe(2)
  expect([isPromise(gate.promise), isPromise(1)]).toEqual([true, false])
})

test('log text is one short line whatever it is made from', () => {
  expect(logText('a\r\n\u001b[31mb')).toBe('a\\r\\n\\u001b[31mb')
  expect(logText(new Error('no\nway'))).toBe('no\\nway')
  expect(logText('the package "socks"')).toBe('the package "socks"')
  expect(logText(undefined)).toBe('undefined')
  expect(logText('x'.repeat(1000)).length).toBe(259)
})

test('the real clock fires, cancels, and its monotonic time does not go back', async () => {
  const before = realClock.monotonic()
  const cancelled = realClock.setTimeout(() => expect.unreachable(), 1)
  cancelled.cancel()
  await new Promise<void>((resolve) => realClock.setTimeout(resolve, 2, { ref: true }))
  expect(realClock.monotonic()).toBeGreaterThanOrEqual(before)
  const background = realClock.setTimeout(() => {}, 60_000, { ref: false })
  background.ref?.()
  background.unref?.()
  background.cancel()
})
