import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { DefaultMQProducer } from '../../dist/index.js'
import { OPERATIONS, type Operation } from './consumer-operations.ts'
import { Consumers } from './harness/consumers.ts'
import { CLIENT_VERSIONS, freePort, temporaryDirectory } from './harness/java.js'
import { type OurBroker, startOurBroker } from './harness/ours.js'
import { hasGo } from './harness/tools.js'
import { createTopic, QUEUES, type Rig } from './operation-rig.ts'
import { POP_OPERATIONS } from './pop-operations.ts'

// Real consumers, what they do, at our broker and at the real one as the control; printed as a table.
const real = inject('real')
const ALL: Record<string, Operation> = { ...OPERATIONS, ...POP_OPERATIONS }
const home = temporaryDirectory('rocketmq-consumers')
const CLIENTS = [...CLIENT_VERSIONS, ...(hasGo() ? ['go'] : []), 'ali-ons']
/** By operation and client: `here/5.3.3`. */
const table = new Map<string, Map<string, string>>(Object.keys(ALL).map((name) => [name, new Map()]))

let broker: OurBroker
let producers: DefaultMQProducer[]

beforeAll(async () => {
  // A port of its own choice, so that there is a VIP port 2 below.
  const port = await freePort([-2, 1])
  broker = await startOurBroker({ topics: { Unused: 1 }, args: ['--set', 'enablePropertyFilter=true', '--port', String(port)] })
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
  console.log(printTable())
  expect(exit).toMatchObject({ code: 0 })
})

/** Why a client cannot be asked to do something, or cannot do it anywhere. */
function reason(reasons: Record<string, string> | undefined, client: string): string | undefined {
  return reasons?.[client] ?? (CLIENT_VERSIONS.includes(client) ? reasons?.Java : undefined)
}

function printTable(): string {
  const width = Math.max(...[...table.keys()].map(({ length }) => length))
  const header = [''.padEnd(width), ...CLIENTS.map((client) => client.padEnd(9))].join('  ')
  const notes: string[] = []
  const rows = [...table].map(([name, cells]) => {
    for (const client of CLIENTS) {
      const { not, red } = ALL[name] as Operation
      if (reason(not, client) !== undefined) notes.push(`  ${client} does not do "${name}": ${reason(not, client)}`)
      if (reason(red, client) !== undefined) notes.push(`  ${client} fails at "${name}": ${reason(red, client)}`)
    }
    return [name.padEnd(width), ...CLIENTS.map((client) => (cells.get(client) ?? '-').padEnd(9))].join('  ')
  })
  return ['here/5.3.3', header, ...rows, ...notes].join('\n')
}

/** As it compares: without what is undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Go and ali-ons find a retry topic that comes with their first heartbeat half a minute later; Java is told to look often. */
async function prepare(rig: Rig): Promise<void> {
  await createTopic(rig.brokerAddr, rig.topic, QUEUES)
  if (!CLIENT_VERSIONS.includes(rig.client)) await createTopic(rig.brokerAddr, `%RETRY%${rig.topic}`, 1)
}

describe.each(CLIENTS)('%s consumes', (client) => {
  let consumers: Consumers[]
  beforeAll(async () => {
    consumers = await Promise.all(
      [broker, real].map(({ namesrvAddr }) => Consumers.start({ client, namesrvAddr, home: home.path }))
    )
  })
  afterAll(async () => {
    await Promise.all(consumers?.map((program) => program.close()) ?? [])
  })

  const offered = Object.entries(ALL).filter(([, { not }]) => reason(not, client) === undefined)
  test.concurrent.for(offered)('%s', async ([name, operation], { expect }) => {
    const topic = `Matrix-${client.replaceAll('.', '_')}-${Object.keys(ALL).indexOf(name)}`
    const [ours, control] = await Promise.allSettled(
      [broker, real].map(async ({ brokerAddr, namesrvAddr }, index) => {
        const rig: Rig = {
          brokerAddr,
          client,
          producer: producers[index] as DefaultMQProducer,
          consumers: consumers[index] as Consumers,
          patient: () => Consumers.start({ client, namesrvAddr, home: home.path, impatient: false }),
          topic
        }
        await prepare(rig)
        return await operation.run(rig)
      })
    )
    const expected = operation.expected(client)
    const green = (outcome: PromiseSettledResult<unknown> | undefined): string =>
      outcome?.status === 'fulfilled' && isDeepStrictEqual(plain(outcome.value), plain(expected)) ? 'ok' : 'RED'
    table.get(name)?.set(client, `${green(ours)}/${green(control)}`)
    if (control?.status === 'rejected') throw control.reason
    if (ours?.status === 'rejected') throw ours.reason
    expect(ours?.value).toEqual(control?.value)
    if (reason(operation.red, client) === undefined) expect(control?.value).toEqual(expected)
    else expect(control?.value).not.toEqual(expected)
  })
})
