// Not part of `npm test`: shows how a forgotten producer is reported. `node --test leak.js`
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { DefaultMQProducer } from 'rocketmq-producer'
import { setupBroker } from 'rocketmq-producer/testing'

const setup = setupBroker({ beforeAll: before, afterAll: after, beforeEach, afterEach })

test('forgets its producer', async () => {
  await new DefaultMQProducer({ producerGroup: 'forgotten', ...setup.broker.clientOptions() }).start()
})
