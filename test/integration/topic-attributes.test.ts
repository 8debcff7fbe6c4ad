import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'

const FIELDS = { defaultTopic: 'TBW102', readQueueNums: '4', writeQueueNums: '4', perm: '6', topicFilterType: 'SINGLE_TAG' }

let rig: BrokerRig
let peer: BrokerPeer

beforeEach(async () => {
  rig = await BrokerRig.start()
  peer = await rig.connect()
})
afterEach(() => rig.stop())

/** What became of code 17: `0`, or code and remark. */
async function update(topic: string, attributes?: string, more: Record<string, string> = {}): Promise<string> {
  const fields = { topic, ...FIELDS, order: 'false', ...(attributes === undefined ? {} : { attributes }), ...more }
  const { code, remark } = await rig.ask(peer, rig.request(17, fields))
  return code === 0 ? '0' : `${code} ${remark}`
}

const attributesOf = (topic: string): object =>
  Object.fromEntries(rig.broker.topicConfigManager.selectTopicConfig(topic)?.attributes ?? [])

describe('topic attributes', () => {
  it('store-60 each wrong change is refused with its text, and changes nothing', async () => {
    expect(await update('Typed', '+message.type=FIFO')).toBe('0')
    const wrong: ReadonlyArray<readonly [topic: string, attributes: string, answer: string]> = [
      ['New', '+colour=red', '1 unsupported key: colour'],
      ['New', 'message.type=FIFO', '1 add/alter attribute format is wrong: message.type'],
      ['New', 'message.type', '1 delete attribute format is wrong: message.type'],
      ['New', '+message.type=FIFO,,+reserve.time=1', '1 delete attribute format is wrong: '],
      ['New', '+=FIFO', '1 kv string format wrong.'],
      ['New', '+message+type=FIFO', '1 kv string format wrong.'],
      ['New', '+message.type=FIFO,+message.type=DELAY', '1 key duplication: +message.type'],
      ['New', '-message.type', '1 only add attribute is supported while creating topic. key: message.type'],
      ['New', '+message.type=RED', '1 value is not in set: [UNSPECIFIED, TRANSACTION, FIFO, MIXED, DELAY, NORMAL]'],
      ['New', '+queue.type=BatchCQ', '1 BatchCQ is not served: allowed are SimpleCQ'],
      ['New', '+cleanup.policy=COMPACTION', '1 COMPACTION is not served: allowed are DELETE'],
      ['New', '+reserve.time=soon', '1 For input string: "soon"'],
      ['New', '+reserve.time=-2', '1 value is not in range(-1, 9223372036854775807)'],
      ['New', '+message.type=MIXED', '29 MIXED message type is not supported.'],
      ['Typed', '+message.type=DELAY,-message.type', '1 alter duplication key. key: message.type'],
      ['Typed', '-reserve.time', '1 attempt to delete a nonexistent key: reserve.time'],
      ['Typed', '+queue.type=SimpleCQ', '1 attempt to update an unchangeable attribute. key: queue.type'],
      ['Typed', '*message.type-', '1 kv string format wrong.']
    ]
    const answers: string[][] = []
    for (const [topic, attributes] of wrong) answers.push([topic, attributes, await update(topic, attributes)])
    expect(answers).toEqual(wrong)
    expect(rig.broker.topicConfigManager.selectTopicConfig('New')).toBeUndefined()
    expect(attributesOf('Typed')).toEqual({ 'message.type': 'FIFO' })
  })

  it('store-60 a change adds, replaces and removes; what it does not name stays, whatever else is set', async () => {
    expect(await update('Typed', '+queue.type=SimpleCQ,+cleanup.policy=DELETE,+reserve.time=1000,')).toBe('0')
    expect(await update('Typed', '+message.type=DELAY,-reserve.time')).toBe('0')
    expect(attributesOf('Typed')).toEqual({ 'queue.type': 'SimpleCQ', 'cleanup.policy': 'DELETE', 'message.type': 'DELAY' })
    expect(await update('Typed', undefined, { readQueueNums: '8' })).toBe('0')
    expect(await update('Typed', '+message.type=NORMAL', { readQueueNums: '8' })).toBe('0')
    expect(rig.broker.topicConfigManager.selectTopicConfig('Typed')?.readQueueNums).toBe(8)
    expect(attributesOf('Typed')).toEqual({ 'queue.type': 'SimpleCQ', 'cleanup.policy': 'DELETE', 'message.type': 'NORMAL' })
  })
})
