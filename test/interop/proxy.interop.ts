import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  DefaultMQProducer,
  LocalTransactionState,
  Message,
  type MQBrokerException,
  TransactionMQProducer
} from '../../dist/index.js'
import { freePort, startProgram, temporaryDirectory } from './harness/java.js'
import type { LineProcess } from './harness/processes.js'
import { awaitRoute } from './harness/remoting.js'
import { createTopic } from './operation-rig.ts'
import { pullUntil, QUEUES } from './support.ts'

// The remoting port of RocketMQ 5.3.3's proxy, which is name server and broker in one to its clients, in front of the real broker.

const TYPES = ['NORMAL', 'DELAY', 'FIFO', 'TRANSACTION'] as const
const topicOf = (type: (typeof TYPES)[number]): string => `Proxied-${type}`
const real = inject('real')
const home = temporaryDirectory('rocketmq-proxy')

let proxy: LineProcess
let proxyAddr: string

beforeAll(async () => {
  for (const type of TYPES) {
    await createTopic(real.brokerAddr, topicOf(type), QUEUES, { attributes: `+message.type=${type}` })
    await awaitRoute(real.namesrvAddr, topicOf(type))
  }
  const remotingListenPort = await freePort()
  const config = {
    rocketMQClusterName: 'DefaultCluster',
    proxyClusterName: 'DefaultCluster',
    namesrvAddr: real.namesrvAddr,
    localServeAddr: '127.0.0.1',
    // A host: the port is that of the listener.
    remotingAccessAddr: '127.0.0.1',
    remotingListenPort,
    grpcServerPort: await freePort()
  }
  const file = join(home.path, 'proxy.json')
  writeFileSync(file, JSON.stringify(config))
  proxy = startProgram({
    main: 'Server',
    version: '5.3.3',
    args: ['org.apache.rocketmq.proxy.ProxyStartup', '-n', real.namesrvAddr, '-pc', file, '-pm', 'Cluster'],
    home: home.path,
    heap: '384m',
    flags: [`-Drocketmq.home.dir=${home.path}`]
  })
  await proxy.lineWith('startup successfully', 90_000)
  proxyAddr = `127.0.0.1:${remotingListenPort}`
})
afterAll(async () => {
  await proxy?.stop('SIGKILL')
  home.remove()
})

/** What the broker behind the proxy holds, when it holds `count`. */
async function stored(topic: string, count: number): Promise<string[]> {
  const messages = await pullUntil(real.brokerAddr, topic, count)
  return messages.map(({ body }) => Buffer.from(body, 'base64').toString()).sort()
}

const options = (producerGroup: string) => ({ producerGroup, namesrvAddr: proxyAddr, sendMsgTimeout: 10_000 })

describe('the proxy of 5.3.3, by its remoting port', () => {
  test('takes sends of every kind, each once', async () => {
    await using producer = new DefaultMQProducer(options('proxied'))
    await producer.start()
    const message = (body: string): Message => new Message({ topic: topicOf('NORMAL'), body, tags: 't', keys: ['k'] })
    const { sendStatus, msgId, queueOffset } = await producer.send(message('awaited'))
    expect({ sendStatus, queueOffset }).toEqual({ sendStatus: 'SEND_OK', queueOffset: 0 })
    expect(msgId).toMatch(/^[0-9A-F]{32}$/)
    await new Promise<void>((resolve, reject) => {
      producer.send(message('called back'), {}, (error) => (error === undefined ? resolve() : reject(error)))
    })
    await producer.sendOneway(message('oneway'))
    await producer.send([message('batch 1'), message('batch 2')])
    await producer.send(message('chosen'), { selector: (queues) => queues[2] as (typeof queues)[number] })
    await Promise.all(Array.from({ length: 200 }, (_, i) => producer.send(message(`many ${i}`))))
    const expected = ['awaited', 'called back', 'oneway', 'batch 1', 'batch 2', 'chosen']
    for (let i = 0; i < 200; i++) expected.push(`many ${i}`)
    expect(await stored(topicOf('NORMAL'), expected.length)).toEqual(expected.sort())
  })

  test('takes what a topic is for, and its refusal of the rest says what to do', async () => {
    await using producer = new DefaultMQProducer(options('proxied-types'))
    await producer.start()
    await producer.send(new Message({ topic: topicOf('DELAY'), body: 'level', delayTimeLevel: 1 }))
    await producer.send(new Message({ topic: topicOf('DELAY'), body: 'timer', deliverTimeMs: Date.now() + 1000 }))
    const ordered = new Message({ topic: topicOf('FIFO'), body: 'in order', properties: { __SHARDINGKEY: 'a' } })
    await producer.send(ordered, { selector: (queues) => queues[0] as (typeof queues)[number] })
    expect(await stored(topicOf('DELAY'), 2)).toEqual(['level', 'timer'])
    expect(await stored(topicOf('FIFO'), 1)).toEqual(['in order'])
    const refused = await producer.send(new Message({ topic: topicOf('NORMAL'), body: 'late', delayTimeLevel: 1 })).then(
      () => undefined,
      (error: MQBrokerException) => error
    )
    expect(refused).toMatchObject({ code: 'BROKER_REFUSED', responseCode: 13 })
    expect(refused?.message).toContain('the expected type is NORMAL, but actual type is DELAY')
    expect(refused?.hint).toContain('message.type')
  })

  // The proxy of 5.3.3 forwards the end of a transaction only when it has passed on a check of it before, whatever client sends it.
  test('ends transactions when it is asked about them', async () => {
    const states = new Map([
      ['commit', LocalTransactionState.COMMIT_MESSAGE],
      ['rollback', LocalTransactionState.ROLLBACK_MESSAGE]
    ])
    const checked = new Set<string>()
    let bothChecked!: () => void
    const checks = new Promise<void>((resolve) => {
      bothChecked = resolve
    })
    const stateOf = ({ body }: Pick<Message, 'body'>): LocalTransactionState =>
      states.get(Buffer.from(body).toString()) ?? LocalTransactionState.UNKNOW
    await using producer = new TransactionMQProducer({
      ...options('proxied-transactions'),
      transactionListener: {
        executeLocalTransaction: stateOf,
        checkLocalTransaction: (message) => {
          checked.add(Buffer.from(message.body).toString())
          if (checked.size === states.size) bothChecked()
          return stateOf(message)
        }
      }
    })
    await producer.start()
    for (const body of states.keys()) {
      await producer.sendMessageInTransaction(new Message({ topic: topicOf('TRANSACTION'), body }), undefined)
    }
    await checks
    // A broker that asks again before it has noted the answer commits twice.
    expect(new Set(await stored(topicOf('TRANSACTION'), 1))).toEqual(new Set(['commit']))
  })
})
