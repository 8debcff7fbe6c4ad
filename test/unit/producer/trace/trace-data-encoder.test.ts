import { describe, expect, it } from 'vitest'
import { RemotingCommandException } from '../../../../src/internal/errors.ts'
import type { MessageType } from '../../../../src/producer/message-type.ts'
import type { TraceContext } from '../../../../src/producer/trace/trace-context.ts'
import { decodeTraceData, encodeTraceContext, traceKeys } from '../../../../src/producer/trace/trace-data-encoder.ts'
import { wireVectors } from '../../../golden/load.ts'

/** A record made by Java 5.3.3's `TraceDataEncoder`. */
interface TraceVector {
  traceType: 'Pub' | 'EndTransaction'
  timeStamp: number
  regionId: string
  groupName: string
  costTime: number
  success: boolean
  bean: {
    topic: string
    msgId: string
    offsetMsgId: string
    tags: string
    keys: string
    storeHost: string
    bodyLength: number
    msgType: MessageType
    transactionId: string
    transactionState: string
    fromTransactionCheck: boolean
  }
  transData: string
  transKeys: string[]
}

function contextOf({ traceType, timeStamp, regionId, groupName, costTime, success, bean }: TraceVector): TraceContext {
  const { topic, msgId, tags, keys, storeHost, msgType } = bean
  const common = { timeStamp, regionId, groupName, topic, msgId, tags, keys, storeHost, msgType }
  if (traceType === 'Pub') {
    return { traceType, ...common, bodyLength: bean.bodyLength, costTime, offsetMsgId: bean.offsetMsgId, success }
  }
  const { transactionId, transactionState, fromTransactionCheck } = bean
  return { traceType, ...common, transactionId, transactionState, fromTransactionCheck }
}

const vectors = wireVectors().traces as TraceVector[]

const pub: TraceContext = {
  traceType: 'Pub',
  timeStamp: 1,
  regionId: 'R',
  groupName: 'g',
  topic: 'T',
  msgId: 'ID',
  tags: undefined,
  keys: undefined,
  storeHost: '[::1]:10911',
  bodyLength: 0,
  costTime: 3,
  msgType: 'Order_Msg',
  offsetMsgId: undefined,
  success: false
}

const others: TraceContext[] = [
  pub,
  { ...pub, tags: 'ü', keys: 'a b', offsetMsgId: 'OFFSET', clientHost: '1.2.3.4' },
  { traceType: 'Recall', timeStamp: 1, regionId: 'R', groupName: 'g', topic: 'T', msgId: 'ID', success: true },
  {
    traceType: 'SubBefore',
    timeStamp: 1,
    regionId: 'R',
    groupName: 'g',
    requestId: 'Q',
    msgId: 'ID',
    retryTimes: 2,
    keys: 'k'
  },
  {
    traceType: 'SubAfter',
    requestId: 'Q',
    msgId: 'ID',
    costTime: 7,
    success: true,
    keys: undefined,
    contextCode: 1,
    timeStamp: 5,
    groupName: 'g'
  },
  { traceType: 'SubAfter', requestId: 'Q', msgId: 'ID', costTime: 7, success: true, keys: 'k', contextCode: 0 }
]

describe('trace records', () => {
  it.each(vectors.map((vector) => [vector.traceType, vector] as const))('producer-57 %s is encoded as Java does', (_, vector) => {
    const context = contextOf(vector)
    expect(encodeTraceContext(context)).toBe(vector.transData)
    expect(traceKeys(context).toSorted()).toEqual(vector.transKeys)
  })

  it('producer-57 have 14, 13, 8 and 9 fields and round-trip, one by one and together', () => {
    const all = [...vectors.map(contextOf), ...others]
    for (const context of all) expect(decodeTraceData(encodeTraceContext(context))).toEqual([context])
    expect(decodeTraceData(Buffer.from(all.map(encodeTraceContext).join('')))).toEqual(all)
    const fieldsOf = (context: TraceContext): number => encodeTraceContext(context).split('\u0001').length
    expect([pub, ...others.slice(3)].map(fieldsOf)).toEqual([14, 8, 9, 8])
    expect(
      vectors
        .filter(({ traceType }) => traceType === 'EndTransaction')
        .map(contextOf)
        .map(fieldsOf)
    ).toEqual([13])
  })

  it('producer-57 are found by each key and by the message id; of a batch by each id', () => {
    expect(traceKeys({ ...pub, keys: 'Keys Keys2' })).toEqual(['ID', 'Keys', 'Keys2'])
    expect(traceKeys({ ...pub, msgId: 'A,B' })).toEqual(['A', 'B'])
    expect(traceKeys({ ...pub, keys: '' })).toEqual(['ID'])
  })

  it('are read in the older form with 13 fields, and kinds that are not known are left out', () => {
    const old = encodeTraceContext(pub).replace('\u0001null\u0001false', '\u0001true')
    expect(decodeTraceData(`Unknown\u00011\u0002${old}`)).toEqual([{ ...pub, success: true }])
    expect(decodeTraceData('')).toEqual([])
  })

  it.each([
    ['Pub\u00011\u0001R', 'field 4 of a Pub trace record is missing'],
    ['SubBefore\u0001now\u0001R\u0001g\u0001q\u0001m\u00010\u0001k', 'field 2 of a SubBefore trace record is not a whole number'],
    [encodeTraceContext(pub).replace('\u00014\u0001', '\u00019\u0001'), 'field 12 of a Pub trace record is no message type']
  ])('that are damaged are an error that names the field', (data, text) => {
    expect(() => decodeTraceData(data)).toThrow(RemotingCommandException)
    expect(() => decodeTraceData(data)).toThrow(text)
  })
})
