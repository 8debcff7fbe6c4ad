import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  DefaultMQProducer,
  LocalTransactionState,
  Message,
  type MessageExt,
  MessageUtil,
  TransactionMQProducer
} from '../../dist/index.js'
import { CLIENT_VERSIONS, type PullReader, startProgram, startPullReader, temporaryDirectory } from './harness/java.js'
import { type OurBroker, startOurBroker } from './harness/ours.js'
import type { LineProcess } from './harness/processes.js'
import { pullTopic } from './harness/remoting.js'
import { pullUntil, QUEUES, topicOf } from './support.ts'

const { COMMIT_MESSAGE, ROLLBACK_MESSAGE, UNKNOW } = LocalTransactionState
const real = inject('real')
const home = temporaryDirectory('rocketmq-transactions')
const WAYS = ['commit', 'rollback', 'checked-commit', 'checked-rollback']

let broker: OurBroker
let reader: PullReader

beforeAll(async () => {
  const topics = Object.fromEntries(
    CLIENT_VERSIONS.flatMap((v) => [topicOf(`tx-${v}`), topicOf(`requests-${v}`)]).map((t) => [t, QUEUES])
  )
  const settings = ['transactionCheckInterval=1000', 'transactionTimeOut=500'].flatMap((setting) => ['--set', setting])
  broker = await startOurBroker({ topics, args: settings })
  reader = await startPullReader({ ...real, version: '5.3.3' })
})
afterAll(async () => {
  await reader?.stop()
  const exit = await broker?.stop()
  home.remove()
  expect(exit).toMatchObject({ code: 0 })
})

/** A Java program of this suite. */
function java(main: string, version: string, namesrvAddr: string, topic: string): LineProcess {
  return startProgram({ main, version, args: ['--namesrv', namesrvAddr, '--topic', topic, '--peer', version], home: home.path })
}

describe('our transaction producer → RocketMQ', () => {
  test('what was committed, at once or when the broker asked, is read by Java; what was rolled back never is', async () => {
    const topic = topicOf('transactions')
    const checked: MessageExt[] = []
    const producer = new TransactionMQProducer({
      producerGroup: 'interop-ours-tx',
      namesrvAddr: real.namesrvAddr,
      sendMsgTimeout: 20_000,
      transactionListener: {
        async executeLocalTransaction(_message, way) {
          if (way === 'thrown') throw new Error('no local transaction')
          return way === 'commit' || way === 'large' ? COMMIT_MESSAGE : way === 'rollback' ? ROLLBACK_MESSAGE : UNKNOW
        },
        async checkLocalTransaction(message) {
          checked.push(message)
          return message.tags === 'checked-rollback' ? ROLLBACK_MESSAGE : COMMIT_MESSAGE
        }
      }
    })
    await producer.start()
    const committed: string[] = []
    try {
      for (const way of [...WAYS, 'thrown', 'large']) {
        const body = way === 'large' ? 'large '.repeat(2000) : `${way} ü你好`
        const message = new Message({ topic, tags: way, keys: `key-${way}`, flag: 7, body, properties: { case: way } })
        const { sendStatus, msgId, transactionId } = await producer.sendMessageInTransaction(message, way)
        expect([sendStatus, transactionId]).toEqual(['SEND_OK', msgId])
        if (!way.endsWith('rollback')) committed.push(msgId)
      }
      const { messages } = await reader.read(topic, committed.length)
      expect(messages.map(({ msgId }) => msgId).toSorted()).toEqual(committed.toSorted())
      for (const { properties, tags, body, keys } of messages) {
        expect([tags, keys]).toEqual([properties.case, `key-${properties.case}`])
        const text = Buffer.from(body, 'base64').toString()
        expect(text).toBe(tags === 'large' ? 'large '.repeat(2000) : `${tags} ü你好`)
      }
      const asked = checked.map(({ tags }) => tags)
      expect([...new Set(asked)].toSorted()).toEqual(['checked-commit', 'checked-rollback', 'thrown'])
      for (const { topic: shown, msgId, transactionId, brokerName } of checked) {
        expect([shown, transactionId, brokerName]).toEqual([topic, msgId, 'broker-a'])
      }
      // Long enough for two more rounds: nothing is asked about again, and nothing rolled back turns up.
      await setTimeout(4500)
      expect(checked).toHaveLength(asked.length)
      expect(await pullTopic(real.brokerAddr, topic, QUEUES)).toHaveLength(committed.length)
    } finally {
      await producer.shutdown()
    }
  })
})

describe.each(CLIENT_VERSIONS)('Java %s transaction producer → our broker', (version) => {
  test('is asked about what it left open, and its commits are read by Java', async () => {
    const topic = topicOf(`tx-${version}`)
    const lines = await java('Transactions', version, broker.namesrvAddr, topic).jsonUntilExit<Record<string, string>>()
    const sent = lines.filter((line) => line['sent'] !== undefined)
    expect(sent.map((line) => [line['sent'], line['status'], line['state']])).toEqual([
      [`${version}/commit`, 'SEND_OK', 'COMMIT_MESSAGE'],
      [`${version}/rollback`, 'SEND_OK', 'ROLLBACK_MESSAGE'],
      [`${version}/checked-commit`, 'SEND_OK', 'UNKNOW'],
      [`${version}/checked-rollback`, 'SEND_OK', 'UNKNOW']
    ])
    // Java asks its listener on a thread of its own, so the lines come in any order.
    const checks = lines.filter((line) => line['check'] !== undefined).toSorted((a, b) => (a['check']! < b['check']! ? -1 : 1))
    const open = sent.slice(2).map((line) => [line['sent'], topic, line['msgId'], line['msgId']])
    expect(checks.map((line) => [line['check'], line['topic'], line['msgId'], line['transactionId']])).toEqual(open)
    expect(checks.map((line) => line['body'])).toEqual(open.map(([name]) => `${name!.replace('/', ' ')} ü你好`))
    const own = await startPullReader({ namesrvAddr: broker.namesrvAddr, home: home.path, version })
    try {
      const { messages } = await own.read(topic, 2)
      const cases = messages.map(({ properties }) => properties.case).toSorted()
      expect(cases).toEqual([`${version}/checked-commit`, `${version}/commit`])
    } finally {
      await own.stop()
    }
  })
})

describe.each(CLIENT_VERSIONS)('requests answered by a Java %s consumer', (version) => {
  test.each(['RocketMQ', 'our broker'])('by way of %s: ours, and those of Java, get their replies', async (where) => {
    const topic = topicOf(`requests-${version}`)
    const { namesrvAddr } = where === 'RocketMQ' ? real : broker
    const replier = java('Replier', version, namesrvAddr, topic)
    const requester = new DefaultMQProducer({ producerGroup: `interop-requests-${version.replaceAll('.', '_')}`, namesrvAddr })
    await requester.start()
    try {
      expect(await replier.json()).toEqual({ ready: true })
      const texts = ['first ü你好', 'second', 'third']
      const replies = await Promise.all(texts.map((body) => requester.request(new Message({ topic, body }), { timeout: 30_000 })))
      expect(replies.map(({ body }) => body.toString())).toEqual(texts.map((text) => `re:${text}`))
      expect(replies.map((reply) => reply.topic)).toEqual(texts.map(() => 'DefaultCluster_REPLY_TOPIC'))
      const asked = await java('Requester', version, namesrvAddr, topic).jsonUntilExit<Record<string, string>>()
      expect(asked).toHaveLength(3)
      expect(asked.map(({ reply }) => reply)).toEqual(asked.map(({ request }) => `re:${request}`))
      const answered: Array<Record<string, string>> = []
      while (answered.length < 6) answered.push(await replier.json())
      expect(answered.map(({ status }) => status)).toEqual(answered.map(() => 'SEND_OK'))
    } finally {
      await requester.shutdown()
      await replier.stop('SIGKILL')
    }
  })
})

describe('our replies', () => {
  test('reach a Java requester by way of RocketMQ', async () => {
    const topic = topicOf('requests-ours')
    const replier = new DefaultMQProducer({ producerGroup: 'interop-replies-ours', namesrvAddr: real.namesrvAddr })
    await replier.start()
    try {
      const requester = java('Requester', '5.3.3', real.namesrvAddr, topic)
      for (const { properties, body } of await pullUntil(real.brokerAddr, topic, 3)) {
        const text = Buffer.from(body, 'base64').toString()
        const { sendStatus } = await replier.send(MessageUtil.createReplyMessage({ properties }, `re:${text}`))
        expect(sendStatus).toBe('SEND_OK')
      }
      const asked = await requester.jsonUntilExit<Record<string, string>>()
      expect(asked).toHaveLength(3)
      expect(asked.map(({ reply }) => reply)).toEqual(asked.map(({ request }) => `re:${request}`))
    } finally {
      await replier.shutdown()
    }
  })
})
