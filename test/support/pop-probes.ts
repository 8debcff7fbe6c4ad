import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { ACK, BATCH_ACK, CHANGE_INVISIBLE_TIME as CHANGE, NOTIFICATION, POP } from './pops.ts'

// Requests of POP consumption, the awkward ones included, that are put to a broker one after the other; what comes back is compared with
// what 5.3.3 said (test/golden/pop-5.3.3.json), without what depends on time, chance and addresses.

export interface ProbeAnswer {
  code: number
  remark?: string | undefined
  extFields?: Record<string, string | undefined> | undefined
  body?: Buffer | undefined
}

export interface ProbedBroker {
  ask(code: number, extFields: Record<string, string>, body?: string): Promise<ProbeAnswer>
  /** To a queue of the topic Probed, which has two, with the tag and key of its body. */
  send(queueId: number, body: string, tag: string): Promise<void>
  /** Wall clock ms of the broker. */
  now(): number
  /** Waits until everything has come back whose invisible time, of 4 and 6 s, has ended. */
  untilAllCameBack(): Promise<void>
}

interface Assignment {
  messageQueue: { queueId: number }
}

const ASSIGNMENT = 400
const SET_MODE = 401
const TOPIC = 'Probed'

/** Every answer by the name of its probe. */
export async function askPopProbes(broker: ProbedBroker): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {}
  const ask = async (name: string, code: number, extFields: Record<string, string>, body?: unknown): Promise<ProbeAnswer> => {
    const answer = await broker.ask(code, extFields, body === undefined ? undefined : JSON.stringify(body))
    answers[name] = masked(answer)
    return answer
  }
  const pop = (fields: Record<string, string> = {}): Record<string, string> => ({
    consumerGroup: 'G',
    topic: TOPIC,
    queueId: '-1',
    maxMsgNums: '8',
    invisibleTime: '4000',
    pollTime: '0',
    bornTime: String(broker.now()),
    initMode: '0',
    exp: '*',
    expType: 'TAG',
    order: 'false',
    ...fields
  })
  for (let i = 0; i < 4; i++) await broker.send(i % 2, `m${i}`, i % 2 === 0 ? 'even' : 'odd')
  await ask('too late', POP, pop({ bornTime: '1' }))
  await ask('33 messages', POP, pop({ maxMsgNums: '33' }))
  await ask('no such topic', POP, pop({ topic: 'Nope' }))
  await ask('no such queue', POP, pop({ queueId: '9' }))
  await ask('wrong SQL', POP, pop({ exp: 'a >', expType: 'SQL92' }))
  await ask('unknown expression type', POP, pop({ exp: 'a', expType: 'XX' }))
  await ask('group that is no name', POP, pop({ consumerGroup: 'a b' }))
  await ask('no message', POP, pop({ maxMsgNums: '0' }))
  const all = await ask('all', POP, pop())
  await ask('nothing left', POP, pop())
  const { popTime = '', invisibleTime = '', reviveQid = '' } = all.extFields ?? {}
  const proof = (queueId: number, offset: number) => `0 ${popTime} ${invisibleTime} ${reviveQid} 0 broker-a ${queueId} ${offset}`
  const held = (fields: Record<string, string> = {}) => ({
    consumerGroup: 'G',
    topic: TOPIC,
    queueId: '0',
    extraInfo: proof(0, 0),
    offset: '0',
    ...fields
  })
  await ask('ack', ACK, held())
  await ask('ack again', ACK, held())
  await ask('ack, no such offset', ACK, held({ offset: '99' }))
  await ask('ack, no such topic', ACK, held({ topic: 'Nope' }))
  await ask('ack, no such queue', ACK, held({ queueId: '7' }))
  await ask('ack, wrong proof', ACK, held({ extraInfo: 'x' }))
  await ask('ack of a group that holds nothing', ACK, held({ consumerGroup: 'Other' }))
  const acks = [
    {
      c: 'G',
      t: TOPIC,
      r: '0',
      so: 0,
      q: 0,
      rq: Number(reviveQid),
      pt: Number(popTime),
      it: 4000,
      b: Buffer.from([0b10]).toString('base64')
    }
  ]
  await ask('batch of acks', BATCH_ACK, {}, { brokerName: 'broker-a', acks })
  await ask('empty batch of acks', BATCH_ACK, {}, { brokerName: 'broker-a', acks: [] })
  await ask('batch of acks without body', BATCH_ACK, {})
  const change = (fields: Record<string, string> = {}) =>
    held({ queueId: '1', extraInfo: proof(1, 0), invisibleTime: '6000', ...fields })
  await ask('change', CHANGE, change())
  await ask('change, no such offset', CHANGE, change({ offset: '2' }))
  await ask('change, no such topic', CHANGE, change({ topic: 'Nope' }))
  await ask('change, no such queue', CHANGE, change({ queueId: '9' }))
  const askOnceFree = await askOrderlyProbes(ask, pop)
  await broker.untilAllCameBack()
  await askOnceFree()
  await ask('what came back', POP, pop({ invisibleTime: '60000' }))
  await ask('tag', POP, pop({ consumerGroup: 'Tag', exp: 'odd', invisibleTime: '60000' }))
  await ask('SQL', POP, pop({ consumerGroup: 'Sql', exp: "TAGS = 'even'", expType: 'SQL92', invisibleTime: '60000' }))
  await ask('from the last', POP, pop({ consumerGroup: 'Last', initMode: '1', invisibleTime: '60000' }))
  await ask('one of a queue', POP, pop({ consumerGroup: 'One', queueId: '1', maxMsgNums: '1', invisibleTime: '60000' }))
  await askAssignmentProbes(ask)
  return answers
}

type Ask = (name: string, code: number, extFields: Record<string, string>, body?: unknown) => Promise<ProbeAnswer>

/** Of pops in order, by a group of its own; and of notifications. @returns what is left to ask when nothing is held any more. */
async function askOrderlyProbes(
  ask: Ask,
  popFields: (fields: Record<string, string>) => Record<string, string>
): Promise<() => Promise<void>> {
  const pop = (fields: Record<string, string>) => popFields({ consumerGroup: 'O', order: 'true', ...fields })
  const proof = ({ extFields = {} }: ProbeAnswer, queueId: string, offset: string, invisibleTime = '6000') => ({
    consumerGroup: 'O',
    topic: TOPIC,
    queueId,
    offset,
    extraInfo: `0 ${extFields['popTime']} 4000 ${extFields['reviveQid']} 0 broker-a ${queueId} ${offset}`,
    invisibleTime
  })
  await ask('in order', POP, pop({ queueId: '0', maxMsgNums: '1', attemptId: 'first' }))
  await ask('in order, held', POP, pop({ queueId: '0', attemptId: 'second' }))
  const first = await ask('in order, the same try', POP, pop({ queueId: '0', attemptId: 'first' }))
  const other = await ask('in order, of a queue that is free', POP, pop({ maxMsgNums: '1' }))
  await ask('in order, nothing free', POP, pop({}))
  await ask('ack in order, not of this pop', ACK, proof(other, '1', '1'))
  await ask('ack in order', ACK, proof(first, '0', '0'))
  await ask('ack in order, again', ACK, proof(first, '0', '0'))
  await ask('ack in order of a pop before', ACK, proof({ code: 0, extFields: { popTime: '1', reviveQid: '999' } }, '0', '1'))
  await ask('change in order', CHANGE, proof(first, '0', '1', '5000'))
  await ask('change in order, consumed', CHANGE, proof(first, '0', '0', '5000'))
  const notified = (fields: Record<string, string>) => popFields({ consumerGroup: 'O', queueId: '0', ...fields })
  await ask('notification', NOTIFICATION, notified({ consumerGroup: 'N' }))
  await ask('notification, held', NOTIFICATION, notified({ order: 'true' }))
  await ask('notification, held by this try', NOTIFICATION, notified({ order: 'true', attemptId: 'first' }))
  await ask('notification, no such topic', NOTIFICATION, notified({ topic: 'Nope' }))
  await ask('notification, no such queue', NOTIFICATION, notified({ queueId: '9' }))
  const { popTime } = other.extFields ?? {}
  const acks = [
    { c: 'O', t: TOPIC, r: '0', so: 0, q: 1, rq: 999, pt: Number(popTime), it: 4000, b: Buffer.from([1]).toString('base64') }
  ]
  await ask('batch of acks in order', BATCH_ACK, {}, { brokerName: 'broker-a', acks })
  await ask('in order, behind what was acknowledged', POP, pop({ queueId: '1' }))
  return async () => {
    await ask('in order, once more', POP, pop({ queueId: '0' }))
    await ask('notification, when it came back', NOTIFICATION, notified({ queueId: '1', order: 'true' }))
  }
}

async function askAssignmentProbes(ask: Ask): Promise<void> {
  const subscription = { topic: TOPIC, subString: '*', expressionType: 'TAG', subVersion: 1, tagsSet: [], codeSet: [] }
  const group = {
    groupName: 'A',
    consumeType: 'CONSUME_PASSIVELY',
    messageModel: 'CLUSTERING',
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    subscriptionDataSet: [subscription],
    unitMode: false
  }
  await ask('heartbeat', 34, {}, { clientID: 'c1', producerDataSet: [], consumerDataSet: [group] })
  const assignment = (fields: Record<string, unknown> = {}) => ({
    topic: TOPIC,
    consumerGroup: 'A',
    clientId: 'c1',
    strategyName: 'AVG',
    messageModel: 'CLUSTERING',
    ...fields
  })
  const mode = (fields: Record<string, unknown> = {}) => ({
    topic: TOPIC,
    consumerGroup: 'A',
    mode: 'POP',
    popShareQueueNum: -1,
    ...fields
  })
  await ask('queues to pull', ASSIGNMENT, {}, assignment())
  await ask('queues dealt like cards', ASSIGNMENT, {}, assignment({ strategyName: 'AVG_BY_CIRCLE' }))
  await ask('queues of an unknown strategy', ASSIGNMENT, {}, assignment({ strategyName: 'XX' }))
  await ask('queues of a broadcast', ASSIGNMENT, {}, assignment({ messageModel: 'BROADCASTING' }))
  await ask('queues of an unknown group', ASSIGNMENT, {}, assignment({ consumerGroup: 'none' }))
  await ask('queues of an unknown member', ASSIGNMENT, {}, assignment({ clientId: 'c2' }))
  await ask('queues of an unknown topic', ASSIGNMENT, {}, assignment({ topic: 'Nope' }))
  await ask('mode of a retry topic', SET_MODE, {}, mode({ topic: '%RETRY%A' }))
  await ask('mode of an unknown topic', SET_MODE, {}, mode({ topic: 'Nope' }))
  await ask('mode of no name', SET_MODE, {}, mode({ consumerGroup: 'a b' }))
  await ask('mode', SET_MODE, {}, mode())
  await ask('queues to pop', ASSIGNMENT, {}, assignment())
  await ask('queues to pop of an unknown member', ASSIGNMENT, {}, assignment({ clientId: 'c2' }))
  await ask('queues of the retry topic', ASSIGNMENT, {}, assignment({ topic: '%RETRY%A' }))
}

/** As they were asked for. */
const WHOLE_TIMES = new Set(['0', '4000', '6000', '60000'])

function masked({ code, remark, extFields = {}, body }: ProbeAnswer): unknown {
  const ext: Record<string, string> = {}
  for (const [name, value = ''] of Object.entries(extFields)) {
    if (name === 'popTime' || name === 'reviveQid') ext[name] = value === '0' || value === '999' ? value : 'any'
    // Of a change in order: what is left of the time between.
    else if (name === 'invisibleTime' && !WHOLE_TIMES.has(value)) ext[name] = 'any'
    else if (name.endsWith('OffsetInfo') || name === 'orderCountInfo') ext[name] = value.split(';').toSorted().join(';')
    else ext[name] = value
  }
  // Any queue of the revive topic may come first.
  if (ext['popTime'] === 'any' && ext['reviveQid'] !== '999') ext['reviveQid'] = 'any'
  const text = code === 1 ? 'any' : remark?.replace(/consumer:\[\/[^\]]*\]/, 'consumer:[/any]').replace(/\/[\d.]+:\d+$/, '/any')
  const sorted = Object.fromEntries(Object.entries(ext).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return { code, ...(text === undefined ? {} : { remark: text }), ext: sorted, body: maskedBody(body) }
}

function maskedBody(body: Buffer = Buffer.alloc(0)): unknown {
  if (body.length === 0) return null
  if (body[0] === 0x7b) {
    const json = JSON.parse(body.toString())
    // A set, in no order.
    json.messageQueueAssignments?.sort((a: Assignment, b: Assignment) => a.messageQueue.queueId - b.messageQueue.queueId)
    return json
  }
  const messages = decodeMessages(body).map(({ topic, queueId, queueOffset, reconsumeTimes, properties, body: bytes }) => ({
    topic,
    queueId,
    queueOffset,
    reconsumeTimes,
    body: bytes.toString(),
    properties: [...properties.keys()].toSorted(),
    // Without pop time and revive queue.
    proof: properties.get('POP_CK')?.replace(/^(\d+) \d+ (\d+) \d+ /, '$1 $2 ')
  }))
  return messages.toSorted((a, b) => (a.body < b.body ? -1 : 1))
}
