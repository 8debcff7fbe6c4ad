import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, expect, it } from 'vitest'
import type { BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { RequestCode } from '../../src/protocol/codes.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { tempFolder } from '../support/temp-folder.ts'

let rig: BrokerRig | undefined

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

/** `npm run torture` takes all names. */
const ALL = process.env.TORTURE !== undefined

/** Names that lead somewhere else, somewhere special or nowhere on some file system. */
const NAMES = [
  '..',
  '../x',
  '../../x',
  '%RETRY%../../x',
  '%2e%2e%2fx',
  '%2e',
  '/tmp/x',
  'a/b',
  'a\\b',
  'C:\\x',
  'x.',
  '.',
  'x ',
  'x\u0000y',
  '\u2024\u2024/x',
  'CON',
  'NUL',
  'COM1',
  'aux',
  '|',
  '%',
  'commitlog',
  'config',
  '__proto__',
  'x'.repeat(127),
  'x'.repeat(255),
  '%RETRY%'.padEnd(255, 'x'),
  'x'.repeat(300),
  'x'.repeat(5000)
]
const EVIL = ALL ? NAMES : ['../../x', '%RETRY%../../x', 'x\u0000y', 'CON', '%', '__proto__', 'x'.repeat(127)]

/** Header fields that hold a name, of all requests together, in long and in short form. */
const NAME_FIELDS = [
  ...[
    'topic',
    'consumerGroup',
    'producerGroup',
    'group',
    'groupName',
    'brokerName',
    'clusterName',
    'clientId',
    'srcGroup',
    'destGroup'
  ],
  ...[
    'compareGroup',
    'originTopic',
    'lmqTopic',
    'namespace',
    'key',
    'subscriptionGroup',
    'configName',
    'fileName',
    'filterServerAddr'
  ],
  ...['a', 'b', 'n', 'msgId', 'storePathRootDir', 'className', 'statsKey', 'zoneName']
]

/** The other fields, good enough for a request to be taken seriously. */
const FIELDS: Record<string, string> = {
  ...{ c: 'TBW102', d: '4', e: '0', f: '0', g: '1', h: '0', i: 'KEYS\u0001k\u0002', j: '0', k: 'false', m: 'false' },
  ...{
    queueId: '0',
    queueOffset: '0',
    maxMsgNums: '1',
    sysFlag: '4',
    commitOffset: '0',
    suspendTimeoutMillis: '0',
    subVersion: '0'
  },
  ...{
    subscription: '*',
    expressionType: 'TAG',
    offset: '0',
    delayLevel: '0',
    timestamp: '0',
    readQueueNums: '1',
    writeQueueNums: '1'
  },
  ...{ perm: '6', topicFilterType: 'SINGLE_TAG', order: 'false', index: '0', count: '1', maxNum: '1', beginTimestamp: '0' },
  ...{
    endTimestamp: '9223372036854775807',
    tranStateTableOffset: '0',
    commitLogOffset: '0',
    commitOrRollback: '8',
    fromTransactionCheck: 'true'
  },
  ...{
    defaultTopic: 'TBW102',
    defaultTopicQueueNums: '4',
    bornTimestamp: '1',
    flag: '0',
    properties: '',
    reconsumeTimes: '99',
    l: '1'
  },
  ...{
    statsName: 'TOPIC_PUT_NUMS',
    brokerId: '0',
    brokerAddr: '127.0.0.1:1',
    haServerAddr: '',
    cleanOffset: 'true',
    isForce: 'true'
  }
}

/** Every path below a folder, with what it is and how long; links are not followed. */
function tree(folder: string, below = ''): string[] {
  return readdirSync(path.join(folder, below)).flatMap((name) => {
    const relative = path.join(below, name)
    const facts = lstatSync(path.join(folder, relative))
    return facts.isDirectory() ? [relative, ...tree(folder, relative)] : [`${relative} ${facts.isFile() ? 'file' : 'other'}`]
  })
}

/** A broker with files, deep in a folder whose other files have to stay as they are. */
async function start(options: Partial<BrokerControllerOptions> = {}): Promise<{ outer: string; root: string }> {
  const outer = tempFolder()
  const root = path.join(outer, 'a', 'b', 'store')
  mkdirSync(path.dirname(root), { recursive: true })
  for (const file of ['x', 'a/x', 'a/b/x', 'a/b/plain_acl.yml']) writeFileSync(path.join(outer, file), 'not yours')
  const storeConfig = {
    mappedFileSizeCommitLog: 1024 * 1024,
    mappedFileSizeConsumeQueue: 2000,
    maxHashSlotNum: 100,
    maxIndexNum: 400
  }
  rig = await BrokerRig.start({ storeFiles: { root }, storeConfig, ...options })
  return { outer, root }
}

const outside = (outer: string): string[] => tree(outer).filter((entry) => !entry.startsWith('a/b/store/'))

/** What a store may consist of. */
const OURS =
  /^(commitlog|consumequeue|index|config|cut|checksums|checksums\/\d{20} file|commitlog\/\d{20}( file)?|consumequeue\/[%|\w-]{1,255}(\/\d+(\/\d{20} file)?)?|index\/\d{17} file|config\/\w+\.json(\.bak)? file|(abort|lock|checkpoint|commitlog\.position) file)$/

async function sweep(peer: RawPeer, requests: RemotingCommand[]): Promise<RemotingCommand[]> {
  for (const request of requests) peer.send(request)
  const answers: RemotingCommand[] = []
  while (answers.length < requests.length) {
    const answer = await peer.next()
    if (answer.isResponse) answers.push(answer)
  }
  return answers
}

it('security-X2 security-X3 no request of any code, whatever it names, touches a file outside the store or makes a strange one within', {
  timeout: 60_000
}, async () => {
  const { outer, root } = await start()
  const before = outside(outer)
  const peers = [await RawPeer.connect(rig!.network, rig!.broker), await RawPeer.connect(rig!.network, rig!.nameServer)]
  const bodies = (name: string): Buffer[] => [
    Buffer.from(
      JSON.stringify({
        ...{
          groupName: name,
          clientID: name,
          clientId: name,
          consumerGroup: name,
          mqSet: [{ topic: name, brokerName: name, queueId: 0 }]
        },
        ...{
          producerDataSet: [{ groupName: name }],
          consumerDataSet: [{ groupName: name, subscriptionDataSet: [{ topic: name }] }]
        },
        ...{
          topicConfigList: [{ topicName: name, perm: 6, readQueueNums: 1, writeQueueNums: 1 }],
          groupConfigList: [{ groupName: name }]
        }
      })
    ),
    Buffer.from(
      `storePathRootDir=${outer}/evil\nbrokerConfigPath=${outer}/x\nconfigStorePath=${outer}/x\nrocketmqHome=${outer};touch ${outer}/run\n`
    )
  ]
  const counts = new Map<number, number>()
  for (const name of EVIL) {
    const fields = { ...FIELDS, ...Object.fromEntries(NAME_FIELDS.map((field) => [field, name])) }
    for (const body of bodies(name)) {
      for (const peer of peers) {
        const requests = Object.values(RequestCode)
          // The name server is not told to forget the broker: its files are what this is about.
          .filter((code) => code !== RequestCode.UNREGISTER_BROKER)
          .map((code) => rig!.request(code, fields, body))
        for (const answer of await sweep(peer, requests)) counts.set(answer.code, (counts.get(answer.code) ?? 0) + 1)
      }
    }
    // Sends and everything else with a topic that is good, too, so that more than the name is looked at.
    for (const field of NAME_FIELDS.filter((field) => field !== 'topic' && field !== 'b')) {
      const requests = [10, 310, 11, 34, 36, 37, 41, 200, 222, 314, 324].map((code) =>
        rig!.request(
          code,
          { ...FIELDS, topic: 'T', b: 'T', a: 'PG', consumerGroup: 'CG', producerGroup: 'PG', group: 'CG', [field]: name },
          'x'
        )
      )
      await sweep(peers[0], requests)
    }
  }
  // Codes 17, 200 and 215 were answered when their tables were durable; so are queues and the log after this.
  await rig!.broker.shutdown()
  expect(counts.get(0)).toBeGreaterThan(100)
  expect(outside(outer)).toEqual(before)
  for (const file of ['x', 'a/x', 'a/b/x', 'a/b/plain_acl.yml'])
    expect(readFileSync(path.join(outer, file), 'utf8')).toBe('not yours')
  expect(tree(root).filter((entry) => !OURS.test(entry))).toEqual([])
  // What was legal is there: names that are special elsewhere are ordinary here.
  expect(readdirSync(path.join(root, 'consumequeue'))).toEqual(expect.arrayContaining(['CON', '__proto__', '%', 'x'.repeat(127)]))
  // And it can be opened again.
  const again = rig!.newBroker({ storeFiles: { root }, storeConfig: rig!.broker.storeConfig, namesrvAddr: '' })
  await again.start()
  await again.shutdown()
})

it('security-X2 no read shows a secret', async () => {
  const secretKey = 'secret-key-of-the-broker'
  await start({ acl: { accounts: [{ accessKey: 'access-key', secretKey, admin: true }], globalWhiteRemoteAddresses: ['*'] } })
  const peer = await RawPeer.connect(rig!.network, rig!.broker)
  const fields = { ...FIELDS, topic: 'T', b: 'T', group: 'CG', consumerGroup: 'CG', accessKey: 'access-key', key: 'secretKey' }
  const answers = await sweep(
    peer,
    Object.values(RequestCode).map((code) => rig!.request(code, fields))
  )
  expect(answers.filter(({ code }) => code === 0).length).toBeGreaterThan(10)
  for (const { body, remark, extFields } of answers) {
    expect(`${body?.toString('latin1')}${remark}${JSON.stringify(extFields)}`).not.toContain(secretKey)
  }
})

it('security-X4 names of Object.prototype stay data in every field, body and property of every request', {
  timeout: 60_000
}, async () => {
  await start()
  const peers = [await RawPeer.connect(rig!.network, rig!.broker), await RawPeer.connect(rig!.network, rig!.nameServer)]
  const keysOf = (value: object): string[] => Reflect.ownKeys(value).map(String)
  const before = [Object.prototype, Array.prototype, Map.prototype, Function.prototype].map(keysOf)
  for (const name of ['__proto__', 'constructor', ...(ALL ? ['prototype', 'toString', 'hasOwnProperty', 'valueOf'] : [])]) {
    const polluted = `{"${name}":{"polluted":"yes"},"x":{"__proto__":{"polluted":"yes"}},"groupName":"${name}","clientID":"${name}","consumerDataSet":[{"groupName":"${name}","__proto__":{"polluted":"yes"},"subscriptionDataSet":[{"topic":"${name}"}]}],"producerDataSet":[{"groupName":"${name}"}],"table":{"${name}":{"polluted":"yes"}}}`
    const fields = {
      ...FIELDS,
      ...Object.fromEntries(NAME_FIELDS.map((field) => [field, name])),
      i: `${name}\u0001polluted\u0002`
    }
    // As own properties: a literal would set the prototype.
    for (const own of ['__proto__', 'constructor', 'toString']) {
      Object.defineProperty(fields, own, { value: 'polluted', enumerable: true, configurable: true })
    }
    for (const peer of peers) {
      for (const serialization of [0, 1]) {
        await sweep(
          peer,
          Object.values(RequestCode).map((code) => rig!.request(code, fields, polluted, serialization))
        )
      }
    }
  }
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  expect([Object.prototype, Array.prototype, Map.prototype, Function.prototype].map(keysOf)).toEqual(before)
  expect((await sweep(peers[0], [rig!.sendRequest()]))[0].code).toBe(0)
})
