import { expect, it } from 'vitest'
import type { BrokerController } from '../../src/broker/broker-controller.ts'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { KillableNetwork } from '../support/killable-network.ts'
import { until } from '../support/turns.ts'

/** More of them: `FAILOVERS=200 npx vitest run test/integration/replication-failover.test.ts --test-timeout 600000`. */
const CYCLES = Number(process.env['FAILOVERS'] ?? 30)
const PRODUCERS = 4
/** Sends of each producer that wait for their answers at a time. */
const WINDOW = 6
const SEED = Number(process.env.TEST_SEED)

const WAIT_NOT = 'WAIT\u0001false\u0002'

function random(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/**
 * Kills a master after `kills` acknowledgements; the bodies that were acknowledged, and those its slave has.
 * @param control its slave reads nothing, and producers do not wait for it.
 */
async function failover(rig: BrokerRig, brokerName: string, kills: number, control = false): Promise<[string[], Set<string>]> {
  const network = new KillableNetwork(rig.network)
  const master = rig.newBroker({ network, config: { brokerName }, storeConfig: { brokerRole: 'SYNC_MASTER' } })
  await master.start()
  const slaveNetwork = new KillableNetwork(rig.network)
  const slave = rig.newBroker({
    network: slaveNetwork,
    config: { brokerName, brokerId: 1 },
    storeConfig: { brokerRole: 'SLAVE' }
  })
  await slave.start()
  await master.haService.whenSlaves(1, 1000)
  if (control) slaveNetwork.pause()
  const acknowledged: string[] = []
  let sent = 0
  const produce = async (): Promise<void> => {
    const peer = await rig.connect(master)
    const waiting = new Map<number, string>()
    const send = (): void => {
      const body = `${brokerName} ${sent++}`
      const request = rig.sendRequest({ queueId: sent % 4, body, properties: control ? WAIT_NOT : '' })
      waiting.set(request.opaque, body)
      peer.send(request)
    }
    for (let i = 0; i < WINDOW; i++) send()
    try {
      for (;;) {
        const { opaque, code } = await peer.next()
        if (code !== 0) throw new Error(`code ${code}`)
        acknowledged.push(waiting.get(opaque)!)
        if (acknowledged.length === kills) network.kill()
        send()
      }
    } catch (error) {
      expect((error as Error).message).toBe('the connection was closed')
    }
  }
  await Promise.all(Array.from({ length: PRODUCERS }, produce))
  if (control) slaveNetwork.kill()
  await until(() => slave.haService.client?.connected === false)
  const held = bodies(slave)
  await Promise.all([master.shutdown(), slave.shutdown()])
  return [acknowledged, held]
}

function bodies({ store }: BrokerController): Set<string> {
  const found = new Set<string>()
  for (let queueId = 0; queueId < 4; queueId++) {
    for (let offset = 0; ; ) {
      const result = store.getMessage('g', 'T', queueId, offset, 32)!
      if (result.messages.length === 0) break
      for (const message of decodeMessages(Buffer.concat(result.messages))) found.add(Buffer.from(message.body).toString())
      offset = result.nextBeginOffset
    }
  }
  return found
}

it(`fault-S17 ${CYCLES} masters killed under load: every acknowledged message is on the slave`, async () => {
  const rig = await BrokerRig.start()
  const next = random(SEED)
  let acknowledged = 0
  const missing: string[] = []
  for (let i = 0; i < CYCLES; i++) {
    const [acked, held] = await failover(rig, `m${i}`, 1 + (next() % 60))
    acknowledged += acked.length
    missing.push(...acked.filter((body) => !held.has(body)))
  }
  console.log(
    `fault-S17: ${CYCLES} failovers, ${acknowledged} acknowledged, ${missing.length} missing on the slave, seed ${SEED}`
  )
  expect(missing).toEqual([])
  expect(acknowledged).toBeGreaterThan(CYCLES * 20)
  // The control: this rig shows what was acknowledged and is missing.
  const [acked, held] = await failover(rig, 'control', 20, true)
  expect(acked.filter((body) => !held.has(body)).length).toBeGreaterThanOrEqual(20)
  await rig.stop()
})
