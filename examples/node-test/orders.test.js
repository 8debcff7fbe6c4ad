import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, mock, test } from 'node:test'
import { assertNotReceived, assertReceived, assertReceivedTimes, setupBroker, waitUntilReceived } from 'rocketmq-producer/testing'
import { Orders } from './orders.js'

const hooks = { beforeAll: before, afterAll: after, beforeEach, afterEach }
const setup = setupBroker(hooks, { scope: 'test', topics: { Orders: { queues: 1 } } })

test('a payment is announced', async () => {
  const msgId = await new Orders(await setup.createProducer()).pay('o-1')
  const message = assertReceived(setup.broker, 'Orders', { msgId, tags: 'paid', json: { id: 'o-1', state: 'paid' } })
  assert.equal(message.keys, 'o-1')
})

test('each test has a broker of its own', () => {
  assertReceivedTimes(setup.broker, 'Orders', 0)
})

test('fake timers turn the application, and do not stop producer and broker', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const orders = new Orders(await setup.createProducer())
    orders.remind('o-1')
    await orders.pay('o-1')
    assertNotReceived(setup.broker, 'Orders', { tags: 'reminder' })
    mock.timers.tick(86_400_000)
    await waitUntilReceived(setup.broker, 'Orders', { tags: 'reminder', keys: 'o-1' })
  } finally {
    mock.timers.reset()
  }
})
