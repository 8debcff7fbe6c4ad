import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openSlowLink } from '../support/slow-link.ts'
import { startProgram, temporaryDirectory } from './harness/java.js'
import { startOurBroker } from './harness/ours.js'
import { LineProcess } from './harness/processes.js'

// Our producer and Java's over the same bad link, in turns. The link is what limits both, so their ratio does not depend on the machine.

const TOPIC = 'Slow'
const IN_FLIGHT = 64
const COUNT = 400
const ROUNDS = 3
/** Where the broker says it is: the link stands there, on the broker's port. */
const LINK_HOST = '127.0.0.2'

interface Round {
  msgPerSec: number
  errors: number
}

test('net-N16 a link of 1 Mbit/s, 300 ms there and back, 5 % stalls, carries nearly what it carries for Java, and loses nothing', async () => {
  const broker = await startOurBroker({ topics: { [TOPIC]: 4 }, args: ['--set', `brokerIP1=${LINK_HOST}`] })
  const home = temporaryDirectory('slow-link')
  const port = Number(broker.brokerAddr.split(':')[1])
  const link = await openSlowLink({
    port,
    listenHost: LINK_HOST,
    listenPort: port,
    latencyMillis: 150,
    bytesPerMilli: 125,
    stallMillis: 300,
    seed: 16
  })
  const args = ['--namesrv', broker.namesrvAddr, '--topic', TOPIC, '--size', '1024']
  const producers = [
    new LineProcess('ours', process.execPath, [fileURLToPath(new URL('../../bench/our-producer.mjs', import.meta.url)), ...args]),
    startProgram({ main: 'BenchProducer', version: '5.3.3', args, home: home.path })
  ]
  try {
    for (const producer of producers) await producer.json()
    const ratios: number[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      const rates: number[] = []
      for (const producer of producers) {
        producer.write(`round async ${IN_FLIGHT} ${round === 0 ? IN_FLIGHT : COUNT}`)
        const { msgPerSec, errors } = (await producer.json(60_000)) as unknown as Round
        expect(errors).toBe(0)
        rates.push(msgPerSec)
      }
      // The first one opens connections.
      if (round > 0) ratios.push(rates[0] / rates[1])
    }
    ratios.sort((a, b) => a - b)
    console.log(`ours : Java over the slow link, msg/s: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`)
    expect(ratios[Math.floor(ROUNDS / 2)]).toBeGreaterThanOrEqual(0.8)
  } finally {
    await Promise.all(producers.map((producer) => producer.stop('SIGKILL')))
    await link.close()
    await broker.stop()
    home.remove()
  }
})
