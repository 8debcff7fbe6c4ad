import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { DefaultMQProducer, Message, MessageQueue } from '../../dist/index.js'
import { askPopProbes } from '../support/pop-probes.ts'
import { type OurBroker, startOurBroker } from './harness/ours.js'
import { openRemoting } from './harness/remoting.js'

// The same requests to both brokers, and to the answers that the unit tests compare ours with.
const real = inject('real')
const golden: unknown = JSON.parse(readFileSync(fileURLToPath(new URL('../golden/pop-5.3.3.json', import.meta.url)), 'utf8'))

let broker: OurBroker
beforeAll(async () => {
  broker = await startOurBroker({ topics: { Unused: 1 }, args: ['--set', 'enablePropertyFilter=true'] })
})
afterAll(() => broker?.stop())

async function answersOf({ namesrvAddr, brokerAddr }: { namesrvAddr: string; brokerAddr: string }): Promise<unknown> {
  const remoting = await openRemoting(brokerAddr)
  const producer = new DefaultMQProducer({
    producerGroup: 'probes',
    namesrvAddr,
    instanceName: brokerAddr,
    sendMsgTimeout: 20_000
  })
  await producer.start()
  try {
    await producer.createTopic('TBW102', 'Probed', 2)
    const answers = await askPopProbes({
      ask: (code, extFields, body) =>
        remoting.invoke({ code, extFields, ...(body === undefined ? {} : { body: Buffer.from(body) }) }, 20_000),
      send: async (queueId, body, tags) => {
        const message = new Message({ topic: 'Probed', body, tags, keys: [body] })
        await producer.send(message, { queue: new MessageQueue('Probed', 'broker-a', queueId) })
      },
      now: Date.now,
      // The real one looks for them every few seconds.
      untilAllCameBack: () => delay(20_000)
    })
    return JSON.parse(JSON.stringify(answers))
  } finally {
    await producer.shutdown()
    remoting.close()
  }
}

test('store-189 POP requests are answered as by the real broker', async () => {
  const [ours, control] = await Promise.all([answersOf(broker), answersOf(real)])
  expect(control).toEqual(golden)
  expect(ours).toEqual(control)
})
