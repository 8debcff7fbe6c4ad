import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RealCluster, startProgram, startRealCluster, temporaryDirectory } from './harness/java.js'
import { type OurBroker, startOurBroker } from './harness/ours.js'

// Real mqadmin 5.3.3 against the real name server and broker and against ours, after the same messages: the same rows and columns, once
// times, rates, addresses and ids are masked.
const topics = { Orders: 4, Doomed: 2 }
const home = temporaryDirectory('rocketmq-mqadmin')
const MESSAGES = 8
/** Counters show what came in when they are sampled, every ten seconds. */
const COUNTED_MILLIS = 60_000

/** A cluster, the virtual machine that runs the commands against it, and what its producer was answered. */
interface Side {
  namesrv: string
  broker: string
  msgId: string
  offsetMsgId: string
  run(...words: string[]): Promise<string>
  /** The answer that a command fails with: code and remark. */
  refusal(...words: string[]): Promise<string | undefined>
}

let cluster: RealCluster
let own: OurBroker
let real: Side
let ours: Side
const tools: Array<ReturnType<typeof startProgram>> = []

async function startSide(namesrv: string, broker: string): Promise<Side> {
  const tool = startProgram({ main: 'Mqadmin', version: '5.3.3', args: [], home: home.path })
  tools.push(tool)
  await tool.json()
  const command = async (words: string[]): Promise<{ text: string; complaints: string }> => {
    tool.write(words.join('\t'))
    const { text, complaints, error } = (await tool.json(90_000)) as { text: string; complaints: string; error?: string }
    if (error !== undefined) throw new Error(`${words.join(' ')}: ${error}`)
    return { text, complaints }
  }
  const run = async (...words: string[]): Promise<string> => (await command(words)).text
  const refusal = async (...words: string[]): Promise<string | undefined> =>
    /CODE: \d+ +DESC: .*/.exec((await command(words)).complaints)?.[0].replaceAll(/127\.0\.0\.1:\d+/g, 'ADDR')
  const sent = await run('@producer', namesrv, 'PG', 'Orders', String(MESSAGES))
  // Libraries print, too, when they are first used.
  const [, msgId, offsetMsgId] = /^([0-9A-F]{32,56}) ([0-9A-F]{32})$/m.exec(sent) ?? []
  if (msgId === undefined || offsetMsgId === undefined) throw new Error(`nothing was sent: ${sent.slice(-500)}`)
  await run('@consumer', namesrv, 'CG', 'Orders')
  return { namesrv, broker, msgId, offsetMsgId, run, refusal }
}

async function untilPrinted(side: Side, pattern: RegExp, ...words: string[]): Promise<void> {
  const until = Date.now() + COUNTED_MILLIS
  for (;;) {
    const text = await side.run(...words, '-n', side.namesrv)
    if (pattern.test(text)) return
    if (Date.now() > until) throw new Error(`${words.join(' ')} does not come to print ${pattern}: ${text}`)
    await setTimeout(1000)
  }
}

beforeAll(async () => {
  cluster = await startRealCluster({ topics, brokerConfig: { waitTimeMillsInSendQueue: 20_000 } })
  own = await startOurBroker({ topics })
  ;[real, ours] = await Promise.all([
    startSide(cluster.namesrvAddr, cluster.brokerAddr),
    startSide(own.namesrvAddr, own.brokerAddr)
  ])
  for (const side of [real, ours]) {
    await untilPrinted(side, /^Orders +CG +0 .* 8 +8\s*$/m, 'statsAll', '-t', 'Orders')
  }
})
afterAll(async () => {
  await Promise.all(tools.map((tool) => tool.stop('SIGKILL')))
  await cluster?.stop()
  const exit = await own?.stop()
  home.remove()
  expect(exit).toMatchObject({ code: 0 })
})

/** The rows that are printed, in any order, columns one space apart; without what a group says that is none (see below). */
function rows(text: string): string[] {
  return text
    .replaceAll(/MessageTrack \[consumerGroup=Orders,[^\]]*\]/g, '')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(,\d+)?/g, 'TIME')
    .replaceAll(/\b\d{13}\b/g, 'MILLIS')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDR')
    .replaceAll(/\b[0-9A-F]{32,56}\b/g, 'ID')
    .replaceAll(/\d+\.\d+/g, 'RATE')
    .split('\n')
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())
    .filter((line) => line !== '' && !EXPLAINED.some((pattern) => pattern.test(line)))
    .toSorted()
}

const EXPLAINED = [
  // 5.3.3 names a group like the topic for each topic that has subscribers.
  /^(DefaultCluster )?(\S+) \2( |$)/,
  // Whether the empty retry topic has a position depends on whether the consumer's first long poll has ended.
  /^%RETRY%CG broker-a 0 0 0/,
  // Clients of the tools come and go.
  /@STREAM,/
]

/** Commands that only look, and what each has to print somewhere: an empty answer is no match. */
const READING: ReadonlyArray<readonly [printed: RegExp, ...words: string[]]> = [
  [/broker-a 0 ADDR V5_3_3/, 'clusterList'],
  [/broker-a 0 0 8 8/, 'clusterList', '-m'],
  [/^Orders$/, 'topicList'],
  [/^DefaultCluster Orders CG$/, 'topicList', '-c'],
  [/"readQueueNums":4/, 'topicRoute', '-t', 'Orders'],
  [/^DefaultCluster$/, 'topicClusterList', '-t', 'Orders'],
  [/^broker-a 3 0 2 TIME$/, 'topicStatus', '-t', 'Orders'],
  [/^Orders CG broker-a 0 2 2 0 TIME$/, 'brokerConsumeStats', '-b', 'BROKER'],
  [/^Orders CG 0 RATE RATE 8 8$/, 'statsAll'],
  [/^Orders CG 0 RATE RATE 8 8$/, 'statsAll', '-a'],
  [/^CG 1 V5_3_3 PUSH CLUSTERING/, 'consumerProgress'],
  [/^Consume Diff Total: 0$/, 'consumerProgress', '-g', 'CG'],
  [/^Orders \*$/, 'consumerConnection', '-g', 'CG'],
  [/^0001 /, 'producerConnection', '-g', 'PG', '-t', 'Orders'],
  [/^producer group \(PG\)/, 'producer', '-b', 'BROKER'],
  [/^#MasterAddr ADDR$/, 'haStatus', '-b', 'BROKER'],
  [/physicSize=266/, 'queryCq', '-t', 'Orders', '-q', '0', '-i', '0', '-c', '2', '-b', 'BROKER'],
  [/^Topic: Orders$/, 'queryMsgById', '-t', 'Orders', '-i', 'OFFSET_MSG_ID'],
  [/^ID 2 0$/, 'queryMsgByKey', '-t', 'Orders', '-k', 'key-2'],
  [
    /^MessageTrack \[consumerGroup=CG, trackType=CONSUMED/,
    'queryMsgByOffset',
    '-t',
    'Orders',
    '-b',
    'broker-a',
    '-i',
    '1',
    '-o',
    '0'
  ],
  [/^Queue Offset: 0$/, 'queryMsgByUniqueKey', '-t', 'Orders', '-i', 'MSG_ID'],
  [/BODY: body-7$/, 'printMsg', '-t', 'Orders', '-d', 'true'],
  [/BODY: body-4$/, 'printMsgByQueue', '-t', 'Orders', '-a', 'broker-a', '-i', '0', '-p', 'true', '-d', 'true'],
  [/BODY: body-6$/, 'consumeMessage', '-t', 'Orders', '-g', 'CG2', '-b', 'broker-a', '-i', '2', '-o', '0', '-c', '2'],
  [/consumeBroadcastEnable/, 'getConsumerConfig', '-g', 'CG']
]

/** Commands that change something, in their order, and looks at what they changed. */
const CHANGING: typeof READING = [
  [/success/, 'updateTopic', '-b', 'BROKER', '-t', 'Made', '-r', '3', '-w', '3'],
  [/orderConf=\[broker-a:3\]/, 'updateTopic', '-c', 'DefaultCluster', '-t', 'Ordered', '-r', '3', '-w', '3', '-o', 'true'],
  [/"readQueueNums":3/, 'topicRoute', '-t', 'Made'],
  [/from 6 to 4/, 'updateTopicPerm', '-b', 'BROKER', '-t', 'Made', '-p', '4'],
  [/success/, 'deleteTopic', '-c', 'DefaultCluster', '-t', 'Doomed'],
  [/groupName=SG/, 'updateSubGroup', '-b', 'BROKER', '-g', 'SG', '-d', 'true', '-r', '7'],
  [/groupName=SG2/, 'updateSubGroup', '-c', 'DefaultCluster', '-g', 'SG2'],
  [
    /type=EXPONENTIAL/,
    'updateSubGroup',
    '-b',
    'BROKER',
    '-g',
    'SG3',
    '-p',
    '{"type":"EXPONENTIAL","exponentialRetryPolicy":{"initial":7}}'
  ],
  [/initial=7, max=7200000, multiplier=2/, 'getConsumerConfig', '-g', 'SG3'],
  [/success/, 'deleteSubGroup', '-b', 'BROKER', '-g', 'SG'],
  [/success/, 'updateTopic', '-b', 'BROKER', '-t', 'Single', '-r', '1', '-w', '1'],
  [/^broker-a 0 SEND_OK ID$/, 'sendMessage', '-t', 'Single', '-p', 'hello', '-k', 'k', '-c', 't'],
  [/attributes=\{\+message\.type=FIFO\}/, 'updateTopic', '-b', 'BROKER', '-t', 'Typed', '-a', '+message.type=FIFO'],
  [/success/, 'updateTopic', '-c', 'DefaultCluster', '-t', 'Typed', '-a', '+message.type=DELAY,+reserve.time=1000'],
  [/^broker-a 3 2$/, 'resetOffsetByTime', '-g', 'CG', '-t', 'Orders', '-s', 'now', '-f', 'true'],
  [/^broker-a 0 2$/, 'skipAccumulatedMessage', '-g', 'CG', '-t', 'Orders', '-f', 'true'],
  [/^Orders broker-a 0 2 2 /, 'consumerProgress', '-g', 'CG'],
  [/set consume mode .* success/, 'setConsumeMode', '-b', 'BROKER', '-t', 'Orders', '-g', 'CG', '-m', 'POP', '-q', '2'],
  [/set consume mode .* success/, 'setConsumeMode', '-c', 'DefaultCluster', '-t', 'Orders', '-g', 'CG', '-m', 'PULL'],
  [/Export broker records, brokerName=broker-a/, 'exportPopRecord', '-b', 'BROKER'],
  [/success/, 'updateKvConfig', '-s', 'NS', '-k', 'k', '-v', 'v'],
  [/success/, 'deleteKvConfig', '-s', 'NS', '-k', 'k'],
  [/OK, \d+$/, 'wipeWritePerm', '-b', 'broker-a'],
  [/"perm":4/, 'topicRoute', '-t', 'Orders'],
  [/OK, \d+$/, 'addWritePerm', '-b', 'broker-a'],
  [/success/, 'cleanExpiredCQ', '-b', 'BROKER'],
  [/success/, 'cleanUnusedTopic', '-b', 'BROKER']
]

/** What a command prints on one side. */
function printed(side: Side, words: readonly string[]): Promise<string> {
  const values: Record<string, string> = { BROKER: side.broker, MSG_ID: side.msgId, OFFSET_MSG_ID: side.offsetMsgId }
  const [command, ...rest] = words.map((word) => values[word] ?? word)
  return side.run(command!, '-n', side.namesrv, ...rest)
}

const named = (list: typeof READING) => list.map(([pattern, ...words]) => ({ name: words.join(' '), pattern, words }))

describe('mqadmin prints the same as against RocketMQ', () => {
  test.each([...named(READING), ...named(CHANGING)])('$name', async ({ pattern, words }) => {
    const [theirs, mine] = (await Promise.all([printed(real, words), printed(ours, words)])).map(rows)
    expect(mine).toEqual(theirs)
    expect(mine!.filter((row) => pattern.test(row))).not.toEqual([])
  })

  test.each([
    ['+colour=red', 'unsupported key: colour'],
    ['+queue.type=Other', 'value is not in set', 'Untyped'],
    ['+cleanup.policy=Other', 'value is not in set', 'Untyped'],
    ['-message.type', 'only add', 'Untyped'],
    ['+message.type=RED', 'value is not in set'],
    ['+queue.type=SimpleCQ', 'unchangeable'],
    ['-queue.type', 'nonexistent key'],
    ['+reserve.time=soon', 'For input string'],
    ['+reserve.time=-2', 'not in range'],
    ['+message.type=MIXED', 'MIXED'],
    ['+message.type=FIFO,-message.type', 'duplication']
  ])('updateTopic -a %s: refused with the same words', async (attributes, words, topic = 'Typed') => {
    const [theirs, mine] = await Promise.all(
      [real, ours].map((side) =>
        side.refusal('updateTopic', '-n', side.namesrv, '-b', side.broker, '-t', topic, `-a=${attributes}`)
      )
    )
    expect(mine).toBe(theirs)
    expect(mine).toContain(words)
  })

  test('updateSubGroup --attributes: refused, without the Java exception around the words', async () => {
    const [theirs, mine] = await Promise.all(
      [real, ours].map((side) =>
        side.refusal('updateSubGroup', '-n', side.namesrv, '-b', side.broker, '-g', 'SG4', '--attributes', '+a=b')
      )
    )
    expect(mine).toBe('CODE: 1  DESC: unsupported key: a')
    expect(theirs).toMatch(/^CODE: 1 {2}DESC: java\.lang\.RuntimeException: unsupported key: a, /)
  })

  /** The names of `name : value` rows. */
  const names = (text: string, separator: RegExp): string[] =>
    text
      .split('\n')
      .map((line) => line.split(separator)[0]!.trim())
      .filter((name) => name !== '' && !name.startsWith('='))
      .toSorted()

  test('brokerStatus: the same figures, but for the one that is named by a path', async () => {
    const [theirs, mine] = (await Promise.all([real, ours].map((side) => printed(side, ['brokerStatus', '-b', 'BROKER'])))).map(
      (text) => names(text, / *: /).filter((name) => !name.startsWith('commitLogDiskRatio_'))
    )
    expect(mine).toEqual(theirs)
  })

  test.each([['getBrokerConfig', '-b', 'BROKER'], ['getNamesrvConfig']])(
    '%s: no name that 5.3.3 does not have',
    async (...words) => {
      const given = words.filter((word) => word !== undefined)
      const [theirs, mine] = (await Promise.all([real, ours].map((side) => printed(side, given)))).map((text) =>
        names(text, / +=/)
      )
      expect(mine!.filter((name) => !theirs!.includes(name) && !OWN_SETTINGS.includes(name))).toEqual([])
      expect(mine!.length).toBeGreaterThan(5)
    }
  )
})

/** Names of 4.x that 5.3.3 has no more or does not print, the bounds of a store in memory, and limits that Java does not have. */
const OWN_SETTINGS = [
  'haMasterAddress',
  'haSlaveFallbehindMax',
  'maxBytes',
  'whenFull',
  'maxTopicNum',
  'maxHeldPullNum',
  'maxSubscriptionGroupNum',
  'maxProducerNum',
  'maxConsumerNum',
  'maxSubscriptionNum',
  'maxConsumerOffsetNum',
  'maxQueueLockNum',
  'maxConnectionNum',
  'maxBrokerNum',
  'maxRouteNum',
  'maxKvConfigNum'
]
