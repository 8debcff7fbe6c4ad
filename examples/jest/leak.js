// Not part of `npm test`: shows how a forgotten producer is reported. `jest --testMatch '**/leak.js'`
const { DefaultMQProducer } = require('rocketmq-producer')
const { setupBroker } = require('rocketmq-producer/testing')

const setup = setupBroker({ beforeAll, afterAll })

test('forgets its producer', async () => {
  await new DefaultMQProducer({ producerGroup: 'forgotten', ...setup.broker.clientOptions() }).start()
})
