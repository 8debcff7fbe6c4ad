import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { BrokerRig } from '../support/broker-rig.ts'
import { askPopProbes } from '../support/pop-probes.ts'

const golden: unknown = JSON.parse(readFileSync(path.join(import.meta.dirname, '../golden/pop-5.3.3.json'), 'utf8'))

let rig: BrokerRig
afterEach(() => rig?.stop())

it('store-189 what POP requests ask, the awkward ones included, is answered as 5.3.3 answers it', async () => {
  rig = await BrokerRig.start({ topics: { Probed: { queues: 2 } }, config: { enablePropertyFilter: true } })
  const peer = await rig.connect()
  const answers = await askPopProbes({
    ask: (code, extFields, body) => rig.ask(peer, rig.request(code, extFields, body)),
    send: async (queueId, body, tag) => {
      const properties = `TAGS\u0001${tag}\u0002KEYS\u0001${body}\u0002UNIQ_KEY\u0001${body}\u0002WAIT\u0001true\u0002`
      expect((await rig.ask(peer, rig.sendRequest({ topic: 'Probed', queueId, body, properties }))).code).toBe(0)
    },
    now: () => rig.clock.now(),
    untilAllCameBack: () => rig.clock.advance(6000)
  })
  expect(JSON.parse(JSON.stringify(answers))).toEqual(golden)
})
