import { expect } from 'vitest'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from './broker-peer.ts'
import { BrokerRig } from './broker-rig.ts'

export const POP = 200_050
export const ACK = 200_051
export const CHANGE_INVISIBLE_TIME = 200_053
export const NOTIFICATION = 200_054
export const BATCH_ACK = 200_151
/** For how long a pop of {@link popRequest} holds its messages, ms. */
export const INVISIBLE_MILLIS = 60_000

/** A broker whose topic `T` has one queue, and a peer of it. */
export async function startToPop(
  options: Parameters<typeof BrokerRig.start>[0] = {},
  now?: number
): Promise<[rig: BrokerRig, peer: BrokerPeer]> {
  const rig = await BrokerRig.start({ topics: { T: { queues: 1 } }, ...options }, now)
  return [rig, await rig.connect()]
}

/** Group `G` wants what there is of topic `T`, and does not wait for it. */
export const popRequest = (rig: BrokerRig, fields: Record<string, string> = {}): RemotingCommand =>
  rig.request(POP, {
    consumerGroup: 'G',
    topic: 'T',
    queueId: '-1',
    maxMsgNums: '32',
    invisibleTime: String(INVISIBLE_MILLIS),
    pollTime: '0',
    bornTime: String(rig.clock.now()),
    initMode: '0',
    ...fields
  })

/** Sends messages with these bodies to queue 0 of topic `T`. */
export async function sendBodies(rig: BrokerRig, peer: BrokerPeer, ...bodies: string[]): Promise<void> {
  for (const body of bodies) expect((await rig.ask(peer, rig.sendRequest({ body }))).code).toBe(0)
}
