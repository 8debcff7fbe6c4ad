const { matchers, setupBroker } = require('rocketmq-producer/testing')
const { Orders } = require('./orders.js')

expect.extend(matchers)

// One broker for the whole file; the two hooks are all it takes.
const setup = setupBroker({ beforeAll, afterAll }, { topics: { Orders: { queues: 1 } } })

test.each(['o-1', 'o-2'])('%s is paid', async (id) => {
  await new Orders(await setup.createProducer()).pay(id)
  expect(setup.broker).toHaveReceivedTimes('Orders', 1, { keys: id })
})

test('the broker of the file has both', () => {
  expect(setup.broker).toHaveReceivedTimes('Orders', 2)
})
