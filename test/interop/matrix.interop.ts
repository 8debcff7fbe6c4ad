import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { DefaultMQProducer, Message } from '../../dist/index.js'
import { OPERATIONS, type Rig } from './consumer-operations.ts'
import { JavaConsumers } from './harness/consumers.ts'
import { CLIENT_VERSIONS, temporaryDirectory } from './harness/java.js'
import { type OurBroker, startOurBroker } from './harness/ours.js'
import { LineProcess } from './harness/processes.js'
import { nodePeerDirectory } from './harness/tools.js'

// Real consumers, what they do, at our broker and at the real one as the control; printed as a table.
const real = inject('real')
const home = temporaryDirectory('rocketmq-consumers')
const table = new Map<string, string[]>()

let broker: OurBroker
let producers: DefaultMQProducer[]

beforeAll(async () => {
  broker = await startOurBroker({ topics: { Unused: 1 }, args: ['--set', 'enablePropertyFilter=true'] })
  producers = [broker.namesrvAddr, real.namesrvAddr].map(
    (namesrvAddr, index) =>
      new DefaultMQProducer({
        producerGroup: 'interop-matrix',
        instanceName: `matrix-${index}`,
        namesrvAddr,
        sendMsgTimeout: 20_000
      })
  )
  await Promise.all(producers.map((producer) => producer.start()))
})
afterAll(async () => {
  await Promise.all(producers?.map((producer) => producer.shutdown()) ?? [])
  const exit = await broker?.stop()
  home.remove()
  const width = Math.max(...[...table.keys()].map(({ length }) => length))
  for (const [name, cells] of table) console.log(`${name.padEnd(width)}  ${cells.join('  ')}`)
  expect(exit).toMatchObject({ code: 0 })
})

describe.each(CLIENT_VERSIONS)('Java %s consumes', (version) => {
  let consumers: JavaConsumers[]
  beforeAll(async () => {
    consumers = await Promise.all(
      [broker.namesrvAddr, real.namesrvAddr].map((namesrvAddr) => JavaConsumers.start({ namesrvAddr, home: home.path, version }))
    )
  })
  afterAll(async () => {
    await Promise.all(consumers?.map((program) => program.close()) ?? [])
  })

  test.for(Object.entries(OPERATIONS))('%s', async ([name, operation]) => {
    const topic = `Matrix-${version.replaceAll('.', '_')}-${Object.keys(OPERATIONS).indexOf(name)}`
    const addresses = [broker.brokerAddr, real.brokerAddr]
    const [ours, control] = await Promise.allSettled(
      addresses.map(async (brokerAddr, index) => {
        const rig: Rig = {
          brokerAddr,
          producer: producers[index] as DefaultMQProducer,
          consumers: consumers[index] as JavaConsumers,
          topic
        }
        await rig.producer.createTopic('TBW102', topic, 4)
        return await operation(rig)
      })
    )
    const same = JSON.stringify(ours) === JSON.stringify(control) && ours?.status === 'fulfilled'
    table.set(`${version}  ${name}`, [`here: ${same ? 'as the control' : 'DIFFERS'}`, `5.3.3: ${control?.status}`])
    if (control?.status === 'rejected') throw control.reason
    if (ours?.status === 'rejected') throw ours.reason
    expect(ours?.value).toEqual(control?.value)
  })
})

test('ali-ons consumes what its tags want, from the first message', async () => {
  const topic = 'Matrix-ali-ons'
  const read = async (index: number, namesrvAddr: string): Promise<string[]> => {
    const producer = producers[index] as DefaultMQProducer
    await producer.createTopic('TBW102', topic, 4)
    for (let n = 0; n < 12; n++) await producer.send(new Message({ topic, body: `m-${n}`, tags: n % 2 === 0 ? 'a' : 'b' }))
    const args = ['--namesrv', namesrvAddr, '--topic', topic, '--group', topic, '--tags', 'a']
    const consumer = new LineProcess('ali-ons', process.execPath, [`${nodePeerDirectory}consumer.mjs`, ...args])
    try {
      const bodies = new Set<string>()
      while (bodies.size < 6) bodies.add((await consumer.json<{ body: string }>(40_000)).body)
      return [...bodies].toSorted()
    } finally {
      await consumer.stop('SIGKILL')
    }
  }
  const [ours, control] = await Promise.all([broker.namesrvAddr, real.namesrvAddr].map((addr, index) => read(index, addr)))
  table.set('ali-ons  push, tags', [JSON.stringify(ours) === JSON.stringify(control) ? 'here: as the control' : 'here: DIFFERS'])
  expect(ours).toEqual(control)
})
