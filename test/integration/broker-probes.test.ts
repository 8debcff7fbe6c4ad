import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseFastjson } from '../../src/protocol/fastjson.ts'
import type { MessageExt } from '../../src/protocol/message.ts'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { decodeRecallHandle } from '../../src/protocol/recall-message-handle.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { type Probe, probes as recordedProbes } from '../golden/load.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

type Answer = RemotingCommand | 'closed' | 'silent'

const EXCEPTION = 'the remark says what is wrong with the request instead of naming a Java exception and a stack frame'
const BINARY = 'a binary request is answered in binary: who asks in one form reads that form'
const CONFIG = 'nothing on the wire changes the configuration of this process'
const UNSERVED = 'this broker does not serve the code'
const RECORDED = 'times and what had happened until then are those of the recording'
const VIP = 'there is no second port without pulls'

/** Where we answer otherwise than the recorded 5.3.3 broker, field by field, and why. */
const DIFFERENCES: Record<string, { fields: string[]; reason: string }> = Object.create(null)
function differs(names: string, fields: string, reason: string): void {
  for (const name of names.trim().split(/\s+/)) DIFFERENCES[name] = { fields: fields.split(' '), reason }
}
differs(
  `send-no-ext send-empty-ext send-v1-empty-ext send-v2-missing-b send-v2-missing-g send-v2-missing-h send-v2-bad-int send-v1-bad-int
   send-v1-missing-queueId send-delay-abc x6/send-empty-body pull-missing-consumerGroup pull-missing-topic pull-missing-queueId
   pull-missing-sysFlag 46-bad 14-empty-ext min-empty-ext earliest-empty-ext 34-empty-body 34-bad-json 41-empty-body 37-empty-ext
   37-weird-5 br-17-missing-fields br-17-no-topic br-17-bad-filtertype noauto/200-no-name 33-mid-message`,
  'remark',
  EXCEPTION
)
differs(
  '14-absent-emptyqueue',
  'code ext remark',
  'a group without a position starts an empty queue at its beginning, so nothing is missed that comes before it pulls'
)
differs(
  '37-clo-other-msg',
  'remark',
  'a message that is no half message belongs to no group: `The producer group wrong` instead of an exception'
)
differs(
  `unknown-code-br-binary br-17-create-binary send-v1-binary batch-320-binary pull-binary 33-ok-binary x6/33-binary x6/12-binary`,
  'serializeType',
  BINARY
)
differs('x6/exception-binary-send', 'remark serializeType', `${EXCEPTION}; ${BINARY}`)
differs(
  "admin-25--body-'brokerPermi noauto/25-longpoll-off noauto/25-startAccept noauto/25-perm-4 noauto/25-perm-2 noauto/25-perm-6",
  'code remark',
  CONFIG
)
differs('noauto/25-blacklist2', 'remark', CONFIG)
differs('vip-pull vip-361 x6/vip-pull', 'body code ext remark', VIP)
differs('admin-208-CG1-T66196 admin-208-CG1', 'body', `${RECORDED}; what was pulled and not consumed is not counted`)
differs('admin-315-TOPIC_PUT_NUMS-T66196', 'body', RECORDED)
differs('admin-328-', 'body', 'clients of the recording had been closed by then; here they are connected')
differs(
  'admin-303-T66196-CG1',
  'body',
  `${RECORDED}; no texts of times in the broker's time zone; no delay since 1970 for who consumed nothing`
)
differs(
  'admin-321-T66196-0-0-2-CG1',
  'body',
  'the records differ in size, and the consumer of the recording is not connected here'
)
differs('admin-43- admin-45-', 'body', 'positions of services that this broker does not have are missing')
differs('admin-3001--body', 'code remark', UNSERVED)
differs('325-reply-ok', 'code remark', 'the requester of the recording is not connected here')
differs('37-from-check-commit', 'code remark', 'it ends the copy that a check appended in the time of the recording')
differs(
  'batch-320-inner-bad-total',
  'code ext remark',
  'a batch is stored when all of it decodes, else nothing: the length of an item must be right'
)

const NAME_SERVER =
  /^(ns-|route-|retry-topic-route|10[356]-|205-|327-|zero-code|response-flag|proxy)|-ns(-\w+)?$|route-|^retry-topic|x6\/10[35]-|^(dup-opaque|split-writes)/
const probes = recordedProbes('5.3.3').filter(({ name, requestHex }) => !NAME_SERVER.test(name) && requestHex !== null)
const inNoAuto = ({ name }: Probe): boolean => name.startsWith('noauto/') || name.startsWith('x8/')
const main = probes.filter((probe) => !inNoAuto(probe) && probe.name !== 'pull-longpoll-woken')
const noAuto = probes.filter(inNoAuto)

/** Commit log offsets of the recording and what stands for them here. */
class Recording {
  readonly rig: BrokerRig
  readonly #physical = new Map<string, string>()
  readonly #clients = new Map<string, BrokerPeer>()
  /** Recorded records, by what identifies them. */
  readonly records: Map<string, string[]>

  constructor(rig: BrokerRig, all: readonly Probe[]) {
    this.rig = rig
    this.records = new Map()
    for (const probe of all) {
      const answer = expectedOf(probe)
      if (typeof answer === 'string' || answer.remark !== 'FOUND') continue
      for (const message of decodeMessages(answer.body!, { decompressBody: false })) {
        const key = identity(message)
        this.records.set(key, [...(this.records.get(key) ?? []), visibleRecord(message)])
      }
    }
  }

  async run(probe: Probe): Promise<void> {
    const request = decode(probe.requestHex!)
    const theirs = expectedOf(probe)
    await this.#prepare(probe, request, theirs)
    if (request !== undefined) this.#relocate(request)
    const ours = await this.#ask(probe, request, theirs)
    if (typeof ours !== 'string' && typeof theirs !== 'string') this.#remember(ours, theirs)
    const fields = differing(ours, theirs, probe.name, this.records)
    const explained = `${probe.name}: we answer ${show(ours, probe.name)}, 5.3.3 answered ${show(theirs, probe.name)}`
    expect(fields, explained).toEqual(DIFFERENCES[probe.name]?.fields ?? [])
  }

  /** Queues get as long as they were when the probe was recorded: its neighbours in the recording were not all kept. */
  async #prepare(probe: Probe, request: RemotingCommand | undefined, theirs: Answer): Promise<void> {
    for (const extra of EXTRAS[probe.name] ?? []) {
      const sent = this.rig.request(extra.code, extra.fields ?? {}, extra.body)
      sent.version = 409
      await this.askAs(extra.client, sent)
    }
    if (request === undefined || typeof theirs === 'string') return
    const fields = theirs.extFields
    const topic = request.extFields['b'] ?? request.extFields['topic']
    const queueId = Number(request.extFields['e'] ?? request.extFields['queueId'])
    const wanted = fields['maxOffset'] ?? (/^(max-ok|max-q0)$/.test(probe.name) ? fields['offset'] : fields['queueOffset'])
    if (wanted === undefined || topic === undefined || !/^(T66196\w*|X\d+|NA\d+)$/.test(topic)) return
    if (/^(half|send-delay|37-|325)/.test(probe.name)) return
    const { store } = this.rig.broker
    for (let next = store.getMaxOffsetInQueue(topic, queueId); next < Number(wanted); next++) {
      const filler = topic === 'T66196' && queueId === 0 ? FILLERS[next] : undefined
      const answer = await this.askAs('filler', this.rig.sendRequest({ topic, queueId, body: 'filler', ...filler?.send }))
      expect(answer.code).toBe(0)
      if (filler?.recordedAt !== undefined) this.#physical.set(filler.recordedAt, physicalOffset(answer.extFields['msgId']!))
    }
  }

  #relocate(request: RemotingCommand): void {
    for (const name of ['offset', 'commitLogOffset']) {
      const known = this.#physical.get(request.extFields[name] ?? '')
      if (known !== undefined && request.code !== 12) request.extFields[name] = known
    }
  }

  #remember(ours: RemotingCommand, theirs: RemotingCommand): void {
    const [a, b] = [ours.extFields['msgId'], theirs.extFields['msgId']]
    if (a !== undefined && b?.length === 32 && a.length === 32) this.#physical.set(physicalOffset(b), physicalOffset(a))
  }

  async #ask(probe: Probe, request: RemotingCommand | undefined, theirs: Answer): Promise<Answer> {
    const client = clientOf(request)
    const peer = client === undefined ? await this.rig.connect() : await this.peerOf(client)
    if (probe.name.includes('expired') || probe.name.includes('empty-queue-600ms') || probe.name.includes('shortpoll')) {
      peer.send(request!)
      await nextTurn(6)
      expect(peer.frames.length, 'the pull is held').toBe(0)
      await this.rig.clock.advance(20_000)
      return peer.next()
    }
    if (probe.name === 'longpoll-trigger-send') await this.#heldPull()
    peer.write(request === undefined ? Buffer.from(probe.requestHex!, 'hex') : frameToBuffer(request))
    if (theirs === 'silent') return this.#silence(peer, request)
    for (;;) {
      const frame = await Promise.race([peer.next(), peer.closed.then((): 'closed' => 'closed')]).catch((): 'closed' => 'closed')
      // A probe may have kept the notification that came before the answer.
      if (frame === 'closed' || frame.isResponse || (typeof theirs !== 'string' && theirs.code === 40)) return frame
    }
  }

  /** The recorded pull was held when its trigger was sent. */
  async #heldPull(): Promise<void> {
    const probe = probes.find(({ name }) => name === 'pull-longpoll-woken')!
    const peer = await this.rig.connect()
    peer.write(Buffer.from(probe.requestHex!, 'hex'))
    await nextTurn(6)
    expect(peer.frames.length).toBe(0)
    void peer.next().then(async (ours) => {
      this.woken = differing(ours, expectedOf(probe), probe.name, this.records)
    })
  }

  woken: string[] | undefined

  async #silence(peer: BrokerPeer, request: RemotingCommand | undefined): Promise<Answer> {
    if (request === undefined) {
      const other = await this.rig.connect()
      await this.rig.ask(other, this.rig.request(9999))
      return peer.frames.length === 0 && !peer.socket.destroyed ? 'silent' : 'closed'
    }
    const marker = this.rig.request(9999)
    peer.send(marker)
    const answer = await peer.next()
    return answer.opaque === marker.opaque ? 'silent' : answer
  }

  async peerOf(client: string): Promise<BrokerPeer> {
    let peer = this.#clients.get(client)
    if (peer === undefined) {
      peer = await this.rig.connect()
      this.#clients.set(client, peer)
    }
    return peer
  }

  async askAs(client: string, request: RemotingCommand): Promise<RemotingCommand> {
    return this.rig.ask(await this.peerOf(client), request)
  }
}

/** What stood at these places of T66196's queue 0. */
const FILLERS: Record<number, { send: Parameters<BrokerRig['sendRequest']>[0]; recordedAt?: string }> = {
  4: {
    send: {
      body: 'hello2',
      properties: 'WAIT\u0001true\u0002UNIQ_KEY\u00010A0000011234ABCD\u0002TAGS\u0001TA\u0002KEYS\u0001k1 k2\u0002'
    },
    recordedAt: '920'
  },
  18: { send: { body: Buffer.alloc(4_194_304, 0x61) } }
}

interface Extra {
  client: string
  code: number
  fields?: Record<string, string>
  body?: string
}

const topicRequest = (topic: string, readQueueNums: number, writeQueueNums: number, perm = 6, order = false): Extra => ({
  client: 'admin',
  code: 17,
  fields: {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: String(readQueueNums),
    writeQueueNums: String(writeQueueNums),
    perm: String(perm),
    topicFilterType: 'SINGLE_TAG',
    order: String(order)
  }
})

const heartbeat = (client: string, group: string, topic: string, subString: string, subVersion: number): Extra => ({
  client,
  code: 34,
  body: JSON.stringify({
    clientID: client,
    producerDataSet: [{ groupName: 'PG1' }],
    consumerDataSet: [
      {
        groupName: group,
        consumeType: 'CONSUME_PASSIVELY',
        messageModel: 'CLUSTERING',
        consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
        unitMode: false,
        subscriptionDataSet: [
          { topic, subString, tagsSet: [], codeSet: [], subVersion, expressionType: 'TAG', classFilterMode: false }
        ]
      }
    ]
  })
})

const offsetUpdate = (queueId: number, commitOffset: number): Extra => ({
  client: 'admin',
  code: 15,
  fields: { consumerGroup: 'CG1', topic: 'T66196', queueId: String(queueId), commitOffset: String(commitOffset) }
})

/** Requests between the kept ones that later ones show the effect of. */
const EXTRAS: Record<string, Extra[]> = {
  'send-asym-queue3-w2r4': [topicRequest('T66196as', 4, 2)],
  'send-ro-topic': [topicRequest('T66196ro', 2, 2, 4)],
  'pull-writeonly-topic': [topicRequest('T66196wo', 2, 2, 2)],
  'lim-batch0': [topicRequest('T66196lim', 1, 1)],
  '14-after-15': [offsetUpdate(0, 3)],
  '34-4x-version': [heartbeat('cid1', 'HG66325', 'T66196', '*', 1)],
  '38-two': [heartbeat('cid2', 'HG66325', 'T66196', '*', 1)],
  '41-lock-again': [
    {
      client: 'cid1',
      code: 42,
      body: '{"consumerGroup":"HG66325","clientId":"cid1","mqSet":[{"topic":"T66196","brokerName":"broker-a","queueId":0}]}'
    }
  ],
  '203-after-older': [heartbeat('cidA', 'HS66196', 'T66196', 'TA', 7)],
  'x6/203': [heartbeat('c1', 'G667026', 'X667026', '*', 1)],
  'noauto/pull-group-disabled': [{ client: 'admin', code: 200, body: '{"groupName":"g2","consumeEnable":false}' }]
}

function clientOf(request: RemotingCommand | undefined): string | undefined {
  if (request?.code === 35) return request.extFields['clientID']
  if (request?.code !== 34 || request.body === undefined) return undefined
  return /"clientID":"(\w+)"/.exec(request.body.toString())?.[1]
}

function decode(hex: string): RemotingCommand | undefined {
  const bytes = Buffer.from(hex, 'hex')
  try {
    return bytes.readInt32BE(0) === bytes.length - 4 && bytes[4]! <= 1
      ? RemotingCommand.decode(bytes, 0, bytes.length)
      : undefined
  } catch {
    return undefined
  }
}

function expectedOf({ responseHex }: Probe): Answer {
  if (responseHex === null) return 'silent'
  if (responseHex === 'closed') return 'closed'
  const bytes = Buffer.from(responseHex, 'hex')
  return RemotingCommand.decode(bytes, 0, bytes.readInt32BE(0) + 4)
}

function physicalOffset(msgId: string): string {
  return String(Number.parseInt(msgId.slice(-16), 16))
}

/** Values that depend on the time, the address, or what else is in the log. */
const VOLATILE = new Set(['timestamp', 'indexLastUpdatePhyoffset', 'indexLastUpdateTimestamp'])
/** Topics whose queues hold what only some of the kept probes put there. */
const SHARED_TOPIC = /^(schedule|half|dlq)|dlq|sched|37-|send-delay|send-timer|325|retry|wheel|x8/

function visible(answer: RemotingCommand, name: string): Record<string, unknown> {
  const { code, flag, language, version, serializeType } = answer
  // Requests of a broker have numbers of its own.
  const opaque = answer.isResponse ? answer.opaque : undefined
  const present = answer.hasExtFields || serializeType === 1
  const ext: Record<string, string> | undefined = present ? {} : undefined
  if (ext !== undefined)
    for (const field of Object.keys(answer.extFields).sort()) ext[field] = fieldValue(field, answer.extFields[field]!, name)
  const noFields = ext === undefined || Object.keys(ext).length === 0
  return {
    body: visibleBody(answer, name),
    code,
    // A binary header has no way to tell an empty map from none.
    ext: serializeType === 1 && noFields ? undefined : ext,
    flag,
    language,
    opaque,
    remark: answer.remark?.replace(/127\.0\.0\.1(:\d+)?/g, 'ADDR'),
    serializeType,
    version
  }
}

function fieldValue(field: string, value: string, name: string): string {
  if (VOLATILE.has(field)) return 'VOLATILE'
  if (field === 'msgId') return value.replace(/7F000001[0-9A-F]{24}/g, 'ID')
  if (field === 'transactionId') return generated(value)
  if (field === 'recallHandle') return JSON.stringify({ ...decodeRecallHandle(value), timestamp: 'TIME' })
  if (/^(queueOffset|nextBeginOffset|maxOffset|offset)$/.test(field) && SHARED_TOPIC.test(name)) return 'VOLATILE'
  return value
}

/** An id that the broker made; the recorded host had an IPv6 address. */
function generated(id: string): string {
  return /^([0-9A-F]{32}|[0-9A-F]{56})$/.test(id) ? 'GENERATED' : id
}

function visibleBody(answer: RemotingCommand, name: string): unknown {
  const { body } = answer
  if (body === undefined || body.length === 0) return undefined
  if (body[0] !== 0x7b) return answer.remark === 'FOUND' ? 'records' : decodeMessages(body).map(visibleRecord)
  const text = body
    .toString()
    .replace(/127\.0\.0\.1:\d+/g, 'ADDR')
    .replace(/"(lastUpdateTimestamp|timestamp|counter)":\d+/g, '"$1":0')
  if (name.startsWith('admin-201')) return text.length > 0
  if (name.startsWith('admin-202') || name === 'x6/202') return text.replace(/"maxOffset":\d+/g, '"maxOffset":0')
  return sorted(parseFastjson(text))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map((name) => [name, sorted((value as Record<string, unknown>)[name])]))
}

function identity(message: MessageExt): string {
  return `${message.topic}/${message.queueId}/${message.body.toString('latin1').slice(0, 40)}/${message.reconsumeTimes}`
}

/** What of a record does not depend on when and where it was stored. */
function visibleRecord(message: MessageExt): string {
  const { topic, queueId, flag, sysFlag, reconsumeTimes, properties, bodyCRC } = message
  const sortedProperties = [...properties].map(([name, value]) => [name, generated(value)]).sort()
  return JSON.stringify({ topic, queueId, flag, sysFlag, reconsumeTimes, bodyCRC, properties: sortedProperties })
}

function differing(ours: Answer, theirs: Answer, name: string, records: Map<string, string[]>): string[] {
  if (typeof ours === 'string' || typeof theirs === 'string') return ours === theirs ? [] : ['answer']
  const a = visible(ours, name)
  const b = visible(theirs, name)
  const fields = Object.keys(a).filter((field) => JSON.stringify(a[field]) !== JSON.stringify(b[field]))
  if (ours.remark === 'FOUND' && !fields.includes('body')) {
    const foreign = decodeMessages(ours.body!, { decompressBody: false }).filter((message) => {
      const recorded = records.get(identity(message))
      return recorded !== undefined && !recorded.includes(visibleRecord(message))
    })
    if (foreign.length > 0)
      fields.push(`records ${foreign.map(visibleRecord).join(' ')}, recorded ${records.get(identity(foreign[0]!))!.join(' ')}`)
  }
  return fields
}

function show(answer: Answer, name: string): string {
  return typeof answer === 'string' ? answer : JSON.stringify(visible(answer, name))
}

describe('requests recorded at a 5.3.3 broker', () => {
  let recording: Recording

  beforeAll(async () => {
    recording = new Recording(
      await BrokerRig.start({ config: { defaultTopicQueueNums: 4, enablePropertyFilter: true }, topics: {} }),
      probes
    )
    // The recording was over before what it had delayed was due; here a held pull passes 20 s at once.
    recording.rig.broker.scheduleMessageService.stop()
    recording.rig.broker.timerMessageStore.stop()
  })
  afterAll(() => recording.rig.stop())

  it('are all here, and each listed difference is one of them', () => {
    expect(main.length).toBeGreaterThanOrEqual(200)
    expect(probes.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(DIFFERENCES)))
  })

  // In the order of the recording: later ones see what earlier ones did.
  it.each(main.map((probe) => [probe.name, probe] as const))('%s', (_name, probe) => recording.run(probe))

  it('the held pull was answered like the recorded one', () => {
    expect(recording.woken).toEqual([])
  })

  it('holds records that equal the recorded ones: properties, flags, queues', () => {
    const { rig, records } = recording
    let compared = 0
    for (const [topic, queueId] of [
      ['T66196', 0],
      ['T66196', 1],
      ['X667026', 0],
      ['SCHEDULE_TOPIC_XXXX', 0],
      ['SCHEDULE_TOPIC_XXXX', 2],
      ['SCHEDULE_TOPIC_XXXX', 17],
      ['RMQ_SYS_TRANS_HALF_TOPIC', 0],
      ['%DLQ%HG66325', 0],
      ['%DLQ%HR66196', 0],
      ['%DLQ%G667026', 0]
    ] as const) {
      for (const message of rig.stored(topic, queueId)) {
        const recorded = records.get(identity(message))
        if (recorded === undefined) continue
        expect(recorded, `${topic} ${queueId}`).toContain(visibleRecord(message))
        compared++
      }
    }
    expect(compared).toBeGreaterThanOrEqual(20)
  })
})

describe('requests recorded at a broker that creates nothing by itself', () => {
  let recording: Recording

  beforeAll(async () => {
    const config = {
      autoCreateTopicEnable: false,
      autoCreateSubscriptionGroup: false,
      defaultTopicQueueNums: 4
    }
    recording = new Recording(await BrokerRig.start({ config, topics: {} }), probes)
  })
  afterAll(() => recording.rig.stop())

  /** Settings that were changed over the wire then. */
  const SETTINGS: Record<string, Partial<typeof recording.rig.broker.config>> = {
    'noauto/25-perm-4': { brokerPermission: 4 },
    'noauto/25-perm-6': { brokerPermission: 6 },
    'noauto/send-half-rejected': { rejectTransactionMessage: true },
    'noauto/361-disabled': { litePullMessageEnable: false },
    'noauto/25-longpoll-off': { longPollingEnable: false },
    'x8/17': { autoCreateTopicEnable: true, rejectTransactionMessage: false }
  }

  it.each(noAuto.map((probe) => [probe.name, probe] as const))('%s', async (name, probe) => {
    Object.assign(recording.rig.broker.config, SETTINGS[name])
    recording.rig.broker.storeConfig.timerWheelEnable = name.startsWith('x8/')
    await recording.run(probe)
  })
})
