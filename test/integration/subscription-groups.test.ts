import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'

let rig: BrokerRig
let peer: BrokerPeer

beforeEach(async () => {
  rig = await BrokerRig.start()
  peer = await rig.connect()
})
afterEach(() => rig.stop())

/** What became of code 200: `0`, or code and remark. */
async function update(group: Record<string, unknown>): Promise<string> {
  const { code, remark } = await rig.ask(peer, rig.request(200, {}, JSON.stringify(group)))
  return code === 0 ? '0' : `${code} ${remark}`
}

async function groupOf(group: string): Promise<Record<string, unknown>> {
  const { body } = await rig.ask(peer, rig.request(352, { group }))
  return JSON.parse(body!.toString()) as Record<string, unknown>
}

const LEVELS = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200].map((s) => s * 1000)

describe('consumer groups by code 200, read back with 352: what a live 5.3.3 answers', () => {
  // Each with what `groupRetryPolicy` is afterwards.
  it.each([
    [undefined, { type: 'CUSTOMIZED' }],
    [{}, { type: 'CUSTOMIZED' }],
    [{ exponentialRetryPolicy: null, customizedRetryPolicy: null }, { type: 'CUSTOMIZED' }],
    [{ type: 'EXPONENTIAL' }, { type: 'EXPONENTIAL' }],
    [
      { type: 'EXPONENTIAL', exponentialRetryPolicy: { initial: 5 } },
      { exponentialRetryPolicy: { initial: 5, max: 7_200_000, multiplier: 2 }, type: 'EXPONENTIAL' }
    ],
    [
      { type: 'EXPONENTIAL', exponentialRetryPolicy: {} },
      { exponentialRetryPolicy: { initial: 5000, max: 7_200_000, multiplier: 2 }, type: 'EXPONENTIAL' }
    ],
    [
      { type: 'EXPONENTIAL', exponentialRetryPolicy: { initial: 1, max: 2, multiplier: 3, x: 4 } },
      { exponentialRetryPolicy: { initial: 1, max: 2, multiplier: 3 }, type: 'EXPONENTIAL' }
    ],
    [{ customizedRetryPolicy: { next: [1, 2.5] } }, { customizedRetryPolicy: { next: [1, 2] }, type: 'CUSTOMIZED' }],
    [
      { type: 'CUSTOMIZED', customizedRetryPolicy: {} },
      { customizedRetryPolicy: { next: LEVELS }, type: 'CUSTOMIZED' }
    ],
    [
      { type: 'CUSTOMIZED', customizedRetryPolicy: { next: [] } },
      { customizedRetryPolicy: { next: [] }, type: 'CUSTOMIZED' }
    ]
  ])('a retry policy %j is kept', async (groupRetryPolicy, kept) => {
    expect(await update({ groupName: 'G', groupRetryPolicy })).toBe('0')
    expect((await groupOf('G')).groupRetryPolicy).toEqual(kept)
  })

  it('no list of times is longer than 1024', async () => {
    await update({ groupName: 'G', groupRetryPolicy: { customizedRetryPolicy: { next: new Array(5000).fill(1) } } })
    const { customizedRetryPolicy } = (await groupOf('G')).groupRetryPolicy as { customizedRetryPolicy: { next: number[] } }
    expect(customizedRetryPolicy.next).toHaveLength(1024)
  })

  it('there are no attributes: each change is refused in its words, and the group is not made', async () => {
    expect(await update({ groupName: 'New', attributes: { '+a': 'b' } })).toBe('1 unsupported key: a')
    expect(await update({ groupName: 'New', attributes: { '-a': '' } })).toBe(
      '1 only add attribute is supported while creating topic. key: a'
    )
    expect(await update({ groupName: 'New', attributes: { a: 'b' } })).toBe('1 kv string format wrong.')
    expect(rig.broker.subscriptionGroupManager.contains('New')).toBe(false)
    expect(await update({ groupName: 'Old', attributes: {} })).toBe('0')
    expect(await update({ groupName: 'Old', attributes: { '-a': '' }, retryMaxTimes: 3 })).toBe(
      '1 attempt to delete a nonexistent key: a'
    )
    expect(await groupOf('Old')).toMatchObject({ attributes: {}, retryMaxTimes: 16 })
  })
})
