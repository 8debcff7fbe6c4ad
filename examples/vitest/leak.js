// Not part of `npm test`: shows how a forgotten producer is reported. `vitest run leak.js --config leak.config.js`
import { DefaultMQProducer } from 'rocketmq-producer'
import { test } from './test-support.js'

test('forgets its producer', async ({ broker }) => {
  await new DefaultMQProducer({ producerGroup: 'forgotten', ...broker.clientOptions() }).start()
})
