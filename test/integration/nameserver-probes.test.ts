import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { parseFastjson } from '../../src/protocol/fastjson.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { type Probe, probes as recordedProbes } from '../golden/load.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { registerBrokerRequest, type TestBroker } from '../support/registration.ts'

/** Where we answer otherwise than the recorded 5.3.3 name server, field by field, and why. */
const BINARY = 'a binary request is answered in binary: who asks in one form reads that form'
const DIFFERENCES: Record<string, { fields: string[]; reason: string }> = {
  'ns-106-binary': { fields: ['serializeType'], reason: BINARY },
  'unknown-code-ns-binary': { fields: ['serializeType'], reason: BINARY },
  'ns-105-binary-zero-length-value': { fields: ['serializeType'], reason: BINARY },
  'ns-318-bad': { fields: ['code', 'remark'], reason: 'nothing on the wire changes the configuration of this process' },
  'ns-318-ok': { fields: ['code', 'remark'], reason: 'nothing on the wire changes the configuration of this process' },
  '103-missing-fields': { fields: ['remark'], reason: 'the remark names the missing field instead of a Java stack frame' },
  'proxy-v1-ns': {
    fields: ['answer'],
    reason: 'the PROXY protocol is not spoken: its bytes are no frame, the connection is closed'
  }
}

const CLOSED = 'closed'
const SILENT = 'silent'
type Answer = RemotingCommand | typeof CLOSED | typeof SILENT

const BROKER_A: TestBroker = {
  brokerAddr: '127.0.0.1:41911',
  dataVersion: { counter: 0, stateVersion: 0, timestamp: 1795365976485 },
  topics: [
    { topicName: 'TBW102', perm: 7, readQueueNums: 4, writeQueueNums: 4 },
    ...[
      'RMQ_SYS_TRANS_HALF_TOPIC',
      'BenchmarkTest',
      'OFFSET_MOVED_EVENT',
      'rmq_sys_REVIVE_LOG_DefaultCluster',
      'SELF_TEST_TOPIC',
      'DefaultCluster',
      'SCHEDULE_TOPIC_XXXX',
      'RMQ_SYS_TRACE_TOPIC',
      'DefaultCluster_REPLY_TOPIC',
      'rmq_sys_wheel_timer',
      'rmq_sys_SYNC_BROKER_MEMBER_broker-a',
      'RMQ_SYS_TRANS_OP_HALF_TOPIC',
      'broker-a'
    ].map((topicName) => ({ topicName }))
  ]
}
/** What the recorded broker had got by then; registered before the probe of that name. */
const BEFORE: Record<string, TestBroker[]> = {
  'route-autocreated': [
    { ...BROKER_A, topics: [...BROKER_A.topics!, { topicName: 'T66196auto', readQueueNums: 3, writeQueueNums: 3 }] }
  ],
  'retry-topic-route': [
    { ...BROKER_A, topics: [...BROKER_A.topics!, { topicName: '%RETRY%HG66325', readQueueNums: 1, writeQueueNums: 1 }] }
  ],
  // These registrations were made between the recorded ones.
  '105-RT1': [{ brokerName: 'rb1', clusterName: 'CReg', brokerAddr: '127.0.0.1:51001', topics: [{ topicName: 'RT1' }] }],
  '106-after': [
    { brokerName: 'rb3', clusterName: 'CReg', brokerAddr: '127.0.0.1:51003', topics: [] },
    { brokerName: 'rb2', clusterName: 'CReg', brokerAddr: '127.0.0.1:51012', brokerId: 2, topics: [] }
  ]
}

const MAIN = /^(ns-|route-|retry-topic-route$|10[356]-|205-|327-|zero-code-ns$)|-ns(-\w+)?$/
const probes = recordedProbes('5.3.3')
const main = probes.filter(({ name }) => MAIN.test(name))

class Rig {
  readonly network = new MemoryNetwork()
  readonly server = new NameServer({ network: this.network })
  readonly #peers: RawPeer[] = []
  #brokers!: RawPeer

  async start(): Promise<void> {
    await this.server.start()
    this.#brokers = await this.connect()
  }

  async connect(): Promise<RawPeer> {
    const peer = await RawPeer.connect(this.network, this.server)
    this.#peers.push(peer)
    return peer
  }

  /** Over one connection that stays open, as brokers do. */
  async register(broker: TestBroker): Promise<RemotingCommand> {
    this.#brokers.send(registerBrokerRequest(broker))
    return this.#brokers.next()
  }

  /** The answer to raw bytes; silence shows when a request sent behind them is answered first, or an other connection works. */
  async ask(probe: Probe): Promise<Answer> {
    const registers = probe.name.startsWith('103-') || probe.name.includes('/103-')
    const peer = registers ? this.#brokers : await this.connect()
    peer.write(Buffer.from(probe.requestHex!, 'hex'))
    if (probe.responseHex === null) return this.#silence(peer, probe)
    return Promise.race([peer.next(), peer.closed.then((): typeof CLOSED => CLOSED)]).catch((): typeof CLOSED => CLOSED)
  }

  async #silence(peer: RawPeer, probe: Probe): Promise<Answer> {
    const marker = RemotingCommand.request(106)
    marker.opaque = 0x7abc
    if (probe.name.startsWith('len-max-ok-incomplete')) {
      const other = await this.connect()
      other.send(marker)
      await other.next()
      return peer.frames.length === 0 && !peer.ended ? SILENT : CLOSED
    }
    peer.send(marker)
    const answer = await peer.next()
    return answer.opaque === marker.opaque ? SILENT : answer
  }

  async stop(): Promise<void> {
    for (const peer of this.#peers) peer.destroy()
    await this.server.shutdown()
  }
}

function expectedOf({ responseHex }: Probe): Answer {
  if (responseHex === null) return SILENT
  if (responseHex === CLOSED) return CLOSED
  const bytes = Buffer.from(responseHex, 'hex')
  return RemotingCommand.decode(bytes, 0, bytes.length)
}

/** Everything a client can see of an answer. Lists that stand for sets are sorted. */
function visible(answer: Answer): Record<string, unknown> {
  if (typeof answer === 'string') return { answer }
  const { code, flag, opaque, language, version, remark, serializeType, body } = answer
  // A binary header has no way to tell an empty map from none.
  const fields = answer.hasExtFields || serializeType !== 0 ? { ...answer.extFields } : undefined
  const extFields = serializeType === 0 ? fields : Object.keys(fields!).length === 0 ? undefined : fields
  return { code, flag, opaque, language, version, remark, serializeType, extFields, ...visibleBody(body) }
}

function visibleBody(body: Buffer | undefined): Record<string, unknown> {
  if (body === undefined || body.length === 0) return { body: undefined, bareKeys: undefined }
  const text = body.toString()
  return { body: sorted(parseFastjson(text)), bareKeys: /[{,]\d+:/.test(text) }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map((name) => [name, sorted((value as Record<string, unknown>)[name])]))
}

function show(answer: Answer): string {
  return JSON.stringify(sorted(visible(answer)))
}

function differingFields(ours: Answer, theirs: Answer): string[] {
  const a = visible(ours)
  const b = visible(theirs)
  if ('answer' in a || 'answer' in b) return a['answer'] === b['answer'] ? [] : ['answer']
  return Object.keys(a).filter((name) => JSON.stringify(sorted(a[name])) !== JSON.stringify(sorted(b[name])))
}

async function compare(rig: Rig, probe: Probe): Promise<void> {
  const theirs = expectedOf(probe)
  const ours = await rig.ask(probe)
  const fields = differingFields(ours, theirs)
  const allowed = DIFFERENCES[probe.name]?.fields ?? []
  expect(fields, `${probe.name}: we answer ${show(ours)}, 5.3.3 answered ${show(theirs)}`).toEqual(allowed)
}

describe('requests recorded at a 5.3.3 name server', () => {
  const rig = new Rig()

  beforeAll(async () => {
    await rig.start()
    await rig.register(BROKER_A)
  })
  afterAll(() => rig.stop())

  it('are all here, and each listed difference is one of them', () => {
    expect(main.length).toBeGreaterThanOrEqual(60)
    expect(main.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(DIFFERENCES)))
  })

  // In the order of the recording: later ones see what earlier ones did.
  it.each(main.map((probe) => [probe.name, probe] as const))('%s', async (name, probe) => {
    for (const broker of BEFORE[name] ?? []) await rig.register(broker)
    await compare(rig, probe)
  })
})

describe('requests recorded in other set-ups', () => {
  const named = (name: string): Probe => probes.find((probe) => probe.name === name)!

  it('store-66 topics that are new to an unchanged data version are applied', async () => {
    const rig = new Rig()
    await rig.start()
    const rb1 = { brokerName: 'rb1', clusterName: 'CReg', brokerAddr: '127.0.0.1:51001' }
    await rig.register({ ...rb1, topics: [{ topicName: 'RT6' }, { topicName: 'RT7' }] })
    for (const name of ['x6/103-same-version-other-topics', 'x6/105-RT8', 'x6/route-v401', 'x6/105-after-close']) {
      await compare(rig, named(name))
    }
    await rig.stop()
  })

  it('store-69 a broker without auto-creation registers no template topic, which has no route then', async () => {
    const rig = new Rig()
    await rig.start()
    await rig.register({ topics: [{ topicName: 'A' }, { topicName: 'B' }] })
    await compare(rig, named('noauto/route-TBW102'))
    await rig.stop()
  })
})
