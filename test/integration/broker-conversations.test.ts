import { afterEach, describe, expect, it } from 'vitest'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { type Conversation, conversations, type RecordedFrame } from '../golden/load.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

/** Sending in every way there is a recording of: what these clients ask of a broker, reading back included. */
const SENDERS = conversations().filter(
  ({ server, case: name }) =>
    server === 'broker' && /^(sync|oneway|selector|autocreate|delay|tx\.rollback|view\.id|err\.)/.test(name)
)
/** Consumers and requesters: every request is served, answers are compared where they do not depend on what others did. */
const CONSUMERS = conversations().filter(
  ({ server, case: name }) => server === 'broker' && /^(push|orderly|retry|request)/.test(name)
)

let rig: BrokerRig | undefined

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

interface Mismatch {
  request: number
  type: string
  fields: string[]
  ours: string
  theirs: string
}

/** Sends what the client sent, in the recorded order over as many connections, and looks at each answer where the recording has it. */
async function replay({ frames }: Conversation): Promise<{ mismatches: Mismatch[]; compared: number; unsupported: number[] }> {
  const ordered = [...frames].sort((a, b) => a.seq - b.seq)
  const answers = new Map(frames.filter(({ answers }) => answers !== undefined).map((frame) => [frame.answers!, frame]))
  rig = await BrokerRig.start({ config: { defaultTopicQueueNums: 4 }, topics: {} }, recordedNow(frames))
  const filler = await rig.connect()
  const peers = new Map<number, BrokerPeer>()
  const got = new Map<BrokerPeer, RemotingCommand[]>()
  const mismatches: Mismatch[] = []
  const unsupported: number[] = []
  const physical = new Map<string, string>()
  const halfOffsets = new Map<string, string>()
  let compared = 0
  for (const frame of ordered) {
    let peer = peers.get(frame.conn)
    if (peer === undefined) {
      peer = await rig.connect()
      peers.set(frame.conn, peer)
      got.set(peer, [])
    }
    if (frame.dir === 'c2s') {
      if ((frame.flag & 1) !== 0) continue
      await fillUp(filler, frame, answers.get(frame.seq))
      peer.write(requestBytes(frame, physical, halfOffsets))
      await nextTurn(2)
      await takeReplies(peers.values())
      continue
    }
    if ((frame.flag & 1) === 0 || frame.truncated) continue
    const ours = await answerTo(peer, got.get(peer)!, frame.opaque)
    if (ours === undefined) {
      mismatches.push({
        request: frame.requestCode ?? -1,
        type: '',
        fields: ['answer'],
        ours: 'none',
        theirs: frame.remark ?? String(frame.code)
      })
      continue
    }
    const theirs = RemotingCommand.decode(Buffer.from(frame.hex, 'hex'), 0, frame.length)
    const [a, b] = [theirs.extFields['msgId'], ours.extFields['msgId']]
    if (a?.length === 32 && b?.length === 32) {
      physical.set(offsetIn(a), offsetIn(b))
      halfOffsets.set(theirs.extFields['queueOffset']!, ours.extFields['queueOffset']!)
    }
    compared++
    if (ours.code === 3 && theirs.code !== 3) unsupported.push(frame.requestCode!)
    const shared = sharesQueue(ordered, frame)
    const [x, y] = [visible(ours, shared), visible(theirs, shared)]
    hideFillers(x, y)
    const fields = Object.keys(x).filter((name) => JSON.stringify(x[name]) !== JSON.stringify(y[name]))
    const type = frames.find(({ seq }) => seq === frame.answers)?.type ?? ''
    if (fields.length > 0)
      mismatches.push({ request: frame.requestCode!, type, fields, ours: JSON.stringify(x), theirs: JSON.stringify(y) })
  }
  return { mismatches, compared, unsupported }
}

/** A requester confirms each reply it is handed, as the recorded ones did. */
async function takeReplies(peers: Iterable<BrokerPeer>): Promise<void> {
  for (const peer of peers) {
    const pushed = peer.frames.filter(({ code, isResponse }) => code === 326 && !isResponse)
    for (const push of pushed) {
      peer.frames.splice(peer.frames.indexOf(push), 1)
      peer.send(RemotingCommand.response(push, 0))
    }
    if (pushed.length > 0) await nextTurn(2)
  }
}

/** When it was recorded: queries name times. */
function recordedNow(frames: readonly RecordedFrame[]): number {
  for (const frame of frames) {
    const command = frame.truncated ? undefined : RemotingCommand.decode(Buffer.from(frame.hex, 'hex'), 0, frame.length)
    const born = Number(command?.extFields['g'] ?? command?.extFields['bornTimestamp'])
    if (born > 0) return born
  }
  return 1_700_000_000_000
}

/** Of exchanges alike only the first three were kept: what the others sent is made up for, so that offsets agree. */
async function fillUp(filler: BrokerPeer, frame: RecordedFrame, answer: RecordedFrame | undefined): Promise<void> {
  if (answer === undefined || frame.truncated || answer.truncated) return
  const fields = RemotingCommand.decode(Buffer.from(frame.hex, 'hex'), 0, frame.length).extFields
  const result = RemotingCommand.decode(Buffer.from(answer.hex, 'hex'), 0, answer.length).extFields
  const topic = fields['b'] ?? fields['topic']
  const properties = fields['i'] ?? fields['properties'] ?? ''
  if (topic === undefined || topic.startsWith('%') || /DELAY|TRAN_MSG/.test(properties)) return
  // A position of 0 that nobody committed says that the queue had its first message.
  const known = frame.code === 30 ? result['offset'] : frame.code === 14 && result['offset'] === '0' ? '1' : result['maxOffset']
  const wanted = known ?? result['queueOffset']
  const queueId = Number(result['queueId'] ?? fields['queueId'])
  if (rig!.broker.topicConfigManager.selectTopicConfig(topic) === undefined) return
  for (let next = rig!.broker.store.getMaxOffsetInQueue(topic, queueId); next < Number(wanted); next++) {
    await rig!.ask(filler, rig!.sendRequest({ topic, queueId, body: FILLER }))
  }
}

const FILLER = 'filler'

/** Records we made up stand for others: both are left out. */
function hideFillers(ours: Record<string, unknown>, theirs: Record<string, unknown>): void {
  if (!Array.isArray(ours['body']) || !Array.isArray(theirs['body'])) return
  const ourRecords = ours['body'][1] as Array<{ body: string }>
  const theirRecords = theirs['body'][1] as unknown[]
  const kept = ourRecords.map(({ body }) => body !== FILLER)
  ours['body'] = ourRecords.filter((_, i) => kept[i])
  theirs['body'] = theirRecords.filter((_, i) => kept[i] !== false)
}

/** The frame as recorded; a body that was cut is filled up, offsets in the log point at the record that stands for the recorded one. */
function requestBytes(frame: RecordedFrame, physical: Map<string, string>, halfOffsets: Map<string, string>): Buffer {
  const bytes = Buffer.alloc(frame.length)
  Buffer.from(frame.hex, 'hex').copy(bytes)
  if (frame.code !== 33 && frame.code !== 36 && frame.code !== 37) return bytes
  const command = RemotingCommand.decode(bytes, 0, bytes.length)
  for (const name of ['offset', 'commitLogOffset']) {
    const known = physical.get(command.extFields[name] ?? '')
    if (known !== undefined) command.extFields[name] = known
  }
  const half = halfOffsets.get(command.extFields['tranStateTableOffset'] ?? '')
  if (half !== undefined) command.extFields['tranStateTableOffset'] = half
  return frameToBuffer(command)
}

function offsetIn(msgId: string): string {
  return String(Number.parseInt(msgId.slice(-16), 16))
}

/** Held pulls are answered when their time has passed. */
async function answerTo(peer: BrokerPeer, seen: RemotingCommand[], opaque: number): Promise<RemotingCommand | undefined> {
  for (let round = 0; round < 2; round++) {
    for (let turn = 0; turn < 12; turn++) {
      seen.push(...peer.frames.splice(0))
      const at = seen.findIndex((frame) => frame.isResponse && frame.opaque === opaque)
      if (at >= 0) return seen.splice(at, 1)[0]
      await nextTurn()
    }
    await rig!.clock.advance(30_000)
  }
  return undefined
}

/** Values that depend on time, addresses, and on what else the recorded broker held. */
const VOLATILE = new Set(['timestamp', 'indexLastUpdatePhyoffset', 'indexLastUpdateTimestamp'])

/** Delayed messages, half messages and replies go to queues that every client of the recorded broker used. */
function sharesQueue(frames: readonly RecordedFrame[], answer: RecordedFrame): boolean {
  const request = frames.find(({ seq }) => seq === answer.answers)
  return (
    request !== undefined &&
    !request.truncated &&
    /DELAY|TRAN_MSG|_REPLY_TOPIC/.test(Buffer.from(request.hex, 'hex').toString('latin1'))
  )
}

function visible(answer: RemotingCommand, shared: boolean): Record<string, unknown> {
  const ext: Record<string, string> = {}
  for (const name of Object.keys(answer.extFields).sort())
    ext[name] = VOLATILE.has(name) || (shared && name === 'queueOffset') ? 'VOLATILE' : fieldValue(name, answer.extFields[name]!)
  return {
    code: answer.code,
    remark: answer.remark?.replace(/127\.0\.0\.1(:\d+)?/g, 'ADDR'),
    ext,
    flag: answer.flag,
    language: answer.language,
    version: answer.version,
    body: visibleBody(answer)
  }
}

function fieldValue(name: string, value: string): string {
  if (name === 'msgId') return value.replace(/7F000001[0-9A-F]{24}/g, 'ID')
  return name === 'transactionId' && /^(C0|7F|FD|FE)[0-9A-F]+$/.test(value) ? 'GENERATED' : value
}

function visibleBody({ body, remark }: RemotingCommand): unknown {
  if (body === undefined || body.length === 0) return undefined
  if (body[0] === 0x7b) return body.toString().replace(/127\.0\.0\.1:\d+/g, 'ADDR')
  return [
    remark,
    decodeMessages(body, { decompressBody: false }).map(
      ({ topic, queueId, flag, sysFlag, reconsumeTimes, queueOffset, body, properties }) => ({
        topic,
        queueId,
        flag,
        sysFlag,
        reconsumeTimes,
        queueOffset,
        body: body.toString('latin1'),
        properties: [...properties].filter(([name, value]) => !(name === 'UNIQ_KEY' && /^(FD|FE|C0|7F)/.test(value))).sort()
      })
    )
  ]
}

/** Answers that differ on purpose. */
const DIFFERENCES: ReadonlyArray<{ request: number; fields: string[]; when: (mismatch: Mismatch) => boolean; reason: string }> = [
  {
    request: 31,
    fields: ['remark'],
    when: ({ type }) => type === 'ROCKETMQ',
    reason: 'a binary request is answered in binary, which cannot tell the empty remark of the recorded JSON answer from none'
  },
  {
    request: 14,
    fields: ['code', 'remark', 'ext'],
    when: ({ ours, theirs }) => ours.startsWith('{"code":0,"ext":{"offset":"0"}') && theirs.startsWith('{"code":22,'),
    reason: 'a group without a position starts an empty queue at its beginning, so nothing is missed that comes before it pulls'
  }
]

const isListed = (mismatch: Mismatch): boolean =>
  DIFFERENCES.some(
    ({ request, fields, when }) =>
      request === mismatch.request && when(mismatch) && JSON.stringify(fields) === JSON.stringify(mismatch.fields)
  )

describe('senders recorded with a 5.3.3 broker', () => {
  it('are of every client, and each listed difference is one that is seen', () => {
    expect(new Set(SENDERS.map(({ client }) => client))).toEqual(
      new Set(['java53', 'java53r', 'java49', 'java49r', 'java47', 'go', 'ons'])
    )
    expect(SENDERS.length).toBeGreaterThanOrEqual(35)
  })

  it.each(SENDERS.map((conversation) => [`${conversation.client} ${conversation.case}`, conversation] as const))(
    '%s gets the answers it got',
    async (_name, conversation) => {
      const { mismatches, compared } = await replay(conversation)
      expect(mismatches.filter((mismatch) => !isListed(mismatch))).toEqual([])
      const binary = mismatches.some(({ request }) => request === 31)
      expect(binary).toBe(conversation.client.endsWith('r') && binary)
      expect(compared).toBeGreaterThan(3)
    }
  )
})

describe('consumers and requesters recorded with a 5.3.3 broker', () => {
  /** Compared whole, but for the place in the reply topic, which all recorded clients shared. */
  const REPLIES = new Set([324, 325])

  /** Of heartbeats alike only the first three were kept: a requester whose heartbeat is missing cannot be found. */
  const requesterWasLeftOut = ({ frames }: Conversation, { ours }: Mismatch): boolean => {
    const clientId = /channel of <(.+)> not found/.exec(ours)?.[1]
    return clientId !== undefined && !frames.some(({ code, hex }) => code === 34 && Buffer.from(hex, 'hex').includes(clientId))
  }

  it.each(CONSUMERS.map((conversation) => [`${conversation.client} ${conversation.case}`, conversation] as const))(
    '%s is served: every request is answered, replies as they were',
    async (_name, conversation) => {
      const { mismatches, compared, unsupported } = await replay(conversation)
      expect(unsupported).toEqual([])
      expect(mismatches.filter(({ fields }) => fields.includes('answer'))).toEqual([])
      const replies = mismatches.filter(({ request }) => REPLIES.has(request))
      expect(replies.filter((mismatch) => !requesterWasLeftOut(conversation, mismatch))).toEqual([])
      expect(compared).toBeGreaterThan(8)
    }
  )
})
