import { BrokerController, type BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { FaultTable } from '../../src/internal/fault-table.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import type { MessageExt } from '../../src/protocol/message.ts'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { BrokerPeer } from './broker-peer.ts'

export interface SendFields {
  topic?: string
  queueId?: number
  properties?: string
  body?: Buffer | string
  code?: number
  sysFlag?: number
  batch?: boolean
  serializeType?: number
  fields?: Record<string, string>
}

/** A name server and a broker in memory under a held clock, and peers that send raw commands. */
export class BrokerRig {
  readonly network = new MemoryNetwork()
  readonly clock: HeldClock
  readonly faults = new FaultTable()
  readonly nameServer: NameServer
  readonly peers: BrokerPeer[] = []
  broker!: BrokerController
  #opaque = 100_000

  private constructor(now: number | undefined) {
    this.clock = new HeldClock(now)
    this.nameServer = new NameServer({ network: this.network, clock: this.clock })
  }

  /** @param now wall clock at the start. */
  static async start(options: Partial<BrokerControllerOptions> = {}, now?: number): Promise<BrokerRig> {
    const rig = new BrokerRig(now)
    await rig.nameServer.start()
    rig.broker = rig.newBroker(options)
    await rig.broker.start()
    return rig
  }

  newBroker(options: Partial<BrokerControllerOptions> = {}): BrokerController {
    const { network, clock, faults } = this
    return new BrokerController({
      network,
      clock,
      faults,
      namesrvAddr: this.nameServer.addr,
      topics: { T: { queues: 4 } },
      ...options
    })
  }

  async connect(broker = this.broker): Promise<BrokerPeer> {
    const peer = new BrokerPeer(await this.network.connect(broker.host, broker.port, {}))
    this.peers.push(peer)
    return peer
  }

  request(code: number, fields: Record<string, string> = {}, body?: Buffer | string, serializeType = 0): RemotingCommand {
    const command = RemotingCommand.request(code, fields, body === undefined ? undefined : Buffer.from(body), serializeType)
    command.opaque = this.#opaque++
    return command
  }

  sendRequest({
    topic = 'T',
    queueId = 0,
    properties = '',
    body = 'x',
    code = 310,
    sysFlag = 0,
    batch = false,
    ...rest
  }: SendFields = {}): RemotingCommand {
    const fields = {
      a: 'PG',
      b: topic,
      c: 'TBW102',
      d: '4',
      e: String(queueId),
      f: String(sysFlag),
      g: String(this.clock.now()),
      h: '0',
      i: properties,
      j: '0',
      k: 'false',
      m: String(batch),
      ...rest.fields
    }
    return this.request(code, fields, body, rest.serializeType)
  }

  /** The answer to `request`; frames that answer other requests are left out. */
  async ask(peer: BrokerPeer, request: RemotingCommand): Promise<RemotingCommand> {
    peer.send(request)
    for (;;) {
      const answer = await peer.next()
      if (answer.isResponse && answer.opaque === request.opaque) return answer
    }
  }

  pullRequest(topic: string, queueId: number, offset: number, fields: Record<string, string> = {}): RemotingCommand {
    return this.request(11, {
      consumerGroup: 'CG',
      topic,
      queueId: String(queueId),
      queueOffset: String(offset),
      maxMsgNums: '32',
      sysFlag: '4',
      commitOffset: '0',
      suspendTimeoutMillis: '0',
      subscription: '*',
      subVersion: '0',
      expressionType: 'TAG',
      ...fields
    })
  }

  /** Everything visible of a queue. */
  stored(topic: string, queueId = 0): MessageExt[] {
    const all: MessageExt[] = []
    for (let offset = 0; ; ) {
      const result = this.broker.store.getMessage('rig', topic, queueId, offset, 32)
      if (result === undefined || result.messages.length === 0) return all
      all.push(...decodeMessages(Buffer.concat(result.messages), { decompressBody: false }))
      offset = result.nextBeginOffset
    }
  }

  async stop(): Promise<void> {
    for (const peer of this.peers) peer.destroy()
    await this.broker.shutdown()
    await this.nameServer.shutdown()
  }
}
