const { matchers, setupBroker } = require('rocketmq-producer/testing')
const { RocketMQError, Message } = require('rocketmq-producer')
const { Orders } = require('./orders.js')

expect.extend(matchers)

const setup = setupBroker({ beforeAll, afterAll, beforeEach, afterEach }, { scope: 'test', topics: { Orders: { queues: 1 } } })

test('a payment is announced', async () => {
  const msgId = await new Orders(await setup.createProducer()).pay('o-1')
  expect(setup.broker).toHaveReceived('Orders', { msgId, tags: 'paid', keys: 'o-1', json: { id: 'o-1', state: 'paid' } })
})

test('each test has a broker of its own', () => {
  expect(setup.broker).toHaveReceivedTimes('Orders', 0)
})

test("errors of a send are the package's own, in Jest's sandbox too", async () => {
  const producer = await setup.createProducer()
  await expect(producer.send(new Message({ topic: 'Orders', body: '' }))).rejects.toBeInstanceOf(RocketMQError)
})

test('fake timers turn the application, and do not stop producer and broker', async () => {
  jest.useFakeTimers()
  try {
    const orders = new Orders(await setup.createProducer())
    orders.remind('o-1')
    await orders.pay('o-1')
    expect(setup.broker).not.toHaveReceived('Orders', { tags: 'reminder' })
    jest.advanceTimersByTime(86_400_000)
    await expect(setup.broker).toReceive('Orders', { tags: 'reminder', keys: 'o-1' })
  } finally {
    jest.useRealTimers()
  }
})
