import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import type { BrokerRig } from '../support/broker-rig.ts'
import { ACK, popRequest, startToPop } from '../support/pops.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/turns.ts'

const rigs: BrokerRig[] = []
const START = 1_700_000_000_000

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop()
})

/** A broker that keeps its store and its tables in a folder. */
async function open(root: string, now = START): Promise<[rig: BrokerRig, peer: BrokerPeer]> {
  const [rig, peer] = await startToPop({ storeFiles: { root }, storeConfig: { mappedFileSizeCommitLog: 64 * 1024 } }, now)
  rigs.push(rig)
  return [rig, peer]
}

async function pop(rig: BrokerRig, peer: BrokerPeer): Promise<[bodies: string[], answer: RemotingCommand]> {
  const answer = await rig.ask(peer, popRequest(rig))
  return [decodeMessages(answer.body ?? Buffer.alloc(0)).map(({ body }) => body.toString()), answer]
}

const ack = (rig: BrokerRig, peer: BrokerPeer, { extFields }: RemotingCommand, offset: number): Promise<RemotingCommand> =>
  rig.ask(
    peer,
    rig.request(ACK, {
      consumerGroup: 'G',
      topic: 'T',
      queueId: '0',
      offset: String(offset),
      extraInfo: `0 ${extFields['popTime']} 60000 ${extFields['reviveQid']} 0 broker-a 0 ${offset}`
    })
  )

async function popAndAckSecond(root: string): Promise<RemotingCommand> {
  const [rig, peer] = await open(root)
  for (const body of ['a', 'b', 'c']) await rig.ask(peer, rig.sendRequest({ body }))
  const [bodies, answer] = await pop(rig, peer)
  expect(bodies).toEqual(['a', 'b', 'c'])
  expect((await ack(rig, peer, answer, 1)).code).toBe(0)
  await rig.stop()
  return answer
}

describe('popped messages, after a restart of a broker that keeps files', () => {
  it('store-190 are held for the rest of their time; what was acknowledged does not come again, what was not does', async () => {
    const root = path.join(tempFolder(), 'store')
    const answer = await popAndAckSecond(root)
    const [rig, peer] = await open(root, START + 20_000)
    expect((await pop(rig, peer))[0]).toEqual([])
    // Proofs of the time before are worth what they were.
    expect((await ack(rig, peer, answer, 0)).code).toBe(0)
    expect(rig.broker.consumerOffsetManager.queryOffset('G', 'T', 0)).toBe(2)
    await rig.clock.advance(39_999)
    expect((await pop(rig, peer))[0]).toEqual([])
    await rig.clock.advance(1)
    // The copy is seen when it has reached the file.
    await until(() => rig.stored('%RETRY%G_T').length === 1)
    expect((await pop(rig, peer))[0]).toEqual(['c'])
  })

  it('store-190 come again from the lowest that was not acknowledged on where the table is lost', async () => {
    const root = path.join(tempFolder(), 'store')
    await popAndAckSecond(root)
    for (const name of ['popInFlight.json', 'popInFlight.json.bak']) rmSync(path.join(root, 'config', name), { force: true })
    const [rig, peer] = await open(root)
    expect((await pop(rig, peer))[0]).toEqual(['a', 'b', 'c'])
  })

  it('store-191 the offset of one that comes back moves on when its copy is durable', async () => {
    const root = path.join(tempFolder(), 'store')
    const [rig, peer] = await open(root)
    await rig.ask(peer, rig.sendRequest({ body: 'a' }))
    await pop(rig, peer)
    const { store, consumerOffsetManager } = rig.broker
    const { inFlightMessages } = rig.broker.pop
    const offset = () => consumerOffsetManager.queryOffset('G', 'T', 0)
    await rig.clock.advance(60_000)
    await until(() => rig.stored('%RETRY%G_T').length === 1)
    expect(store.remainHowManyDataToFlush()).toBeGreaterThan(0)
    expect([offset(), inFlightMessages.size]).toEqual([0, 1])
    await rig.clock.advance(500)
    await until(() => store.remainHowManyDataToFlush() === 0)
    await rig.clock.advance(500)
    expect([offset(), inFlightMessages.size]).toEqual([1, 0])
  })

  it("store-192 whether a group pulls or pops a topic is kept in Java's file, and forgotten with topic or group", async () => {
    const root = path.join(tempFolder(), 'store')
    const [rig, peer] = await open(root)
    const mode = (consumerGroup: string) => JSON.stringify({ topic: 'T', consumerGroup, mode: 'POP', popShareQueueNum: 3 })
    for (const group of ['G', 'H']) expect((await rig.ask(peer, rig.request(401, {}, mode(group)))).code).toBe(0)
    const file = path.join(root, 'config', 'messageRequestMode.json')
    const saved = { consumerGroup: 'G', mode: 'POP', popShareQueueNum: 3, topic: 'T' }
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      messageRequestModeMap: { T: { G: saved, H: { ...saved, consumerGroup: 'H' } } }
    })
    await rig.stop()
    const [second, again] = await open(root)
    const modes = second.broker.messageRequestModeManager
    expect(modes.get('T', 'G')).toEqual(saved)
    expect((await second.ask(again, second.request(207, { groupName: 'G' }))).code).toBe(0)
    expect([modes.get('T', 'G'), modes.get('T', 'H')?.mode]).toEqual([undefined, 'POP'])
    expect((await second.ask(again, second.request(215, { topic: 'T' }))).code).toBe(0)
    expect(modes.get('T', 'H')).toBeUndefined()
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ messageRequestModeMap: {} })
  })
})
