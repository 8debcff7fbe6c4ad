import { type Clock, realClock } from '../../src/internal/clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { decodeBatch } from '../../src/protocol/batch-codec.ts'
import { hostAddress } from '../../src/protocol/host-address.ts'
import { createOffsetMsgId } from '../../src/protocol/message-id.ts'
import type { OutgoingFrame } from '../../src/protocol/outgoing-frame.ts'
import { decodeProperties, type Properties } from '../../src/protocol/properties.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader, type SendMessageRequestHeader } from '../../src/protocol/send-message-header.ts'
import { SendMessageResponse } from '../../src/protocol/send-message-response.ts'
import { encodeTopicRoute } from '../../src/protocol/topic-route.ts'
import type { Connection } from '../../src/transport/connection.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { Network } from '../../src/transport/network.ts'
import { RemotingServer } from '../../src/transport/remoting-server.ts'
import { RequestDispatcher } from '../../src/transport/request-dispatcher.ts'
import { EventQueue } from './event-queue.ts'

/** A send as the fake broker saw it. */
export interface SeenSend {
  command: RemotingCommand
  connection: Connection
  header: SendMessageRequestHeader
  properties: Properties
  body: Buffer
  brokerName: string
}

/** Undefined: no answer. */
export type SendScript = (send: SeenSend) => OutgoingFrame | undefined | Promise<OutgoingFrame | undefined>

export class FakeBroker {
  readonly brokerName: string
  readonly sends: SeenSend[] = []
  /** The same sends, to wait for. */
  readonly events = new EventQueue<SeenSend>()
  /** What it does with the next sends; replaced by a test. */
  script: SendScript = (send) => this.ok(send)
  addr: string
  server: RemotingServer
  /** What it answers; a test may add to it. */
  readonly dispatcher = new RequestDispatcher({ logger: silentLogger })
  unregistered = 0
  #offset = 0
  readonly #network: Network
  readonly #clock: Clock

  constructor(brokerName: string, network: Network, clock: Clock) {
    this.brokerName = brokerName
    this.addr = ''
    this.#network = network
    this.#clock = clock
    const { dispatcher } = this
    for (const code of [310, 320, 325]) dispatcher.register(code, (request, connection) => this.#onSend(request, connection))
    dispatcher.register(34, (request) => RemotingCommand.response(request, 0))
    dispatcher.register(35, (request) => {
      this.unregistered++
      return RemotingCommand.response(request, 0)
    })
    this.server = this.#newServer(0)
  }

  #newServer(port: number): RemotingServer {
    const { dispatcher } = this
    return new RemotingServer({ network: this.#network, clock: this.#clock, logger: silentLogger, dispatcher, port })
  }

  /** Breaks every connection; nobody is answered any more. */
  async kill(): Promise<void> {
    await this.server.close()
  }

  /** Comes back at the same address after {@link kill}. */
  async restart(): Promise<void> {
    this.server = this.#newServer(Number(this.addr.slice(this.addr.lastIndexOf(':') + 1)))
    await this.server.start()
  }

  async start(): Promise<void> {
    await this.server.start()
    this.addr = `127.0.0.1:${this.server.port}`
  }

  /** Bodies in the order they came, as text. */
  get bodies(): string[] {
    return this.sends.map((send) => send.body.toString())
  }

  /** The answer of a broker that has stored the message. @param code 0, or 10, 11, 12. */
  ok(send: SeenSend, code = 0): SendMessageResponse {
    const count = send.header.batch ? decodeBatch(send.body).length : 1
    const first = this.#offset
    this.#offset += count
    const ids = Array.from({ length: count }, (_, i) => createOffsetMsgId(hostAddress('127.0.0.1', 10911), (first + i) * 100))
    const queueId = send.header.queueId
    return new SendMessageResponse(send.command, code, {
      msgId: ids.join(','),
      queueId,
      queueOffset: first,
      regionId: 'DefaultRegion',
      traceOn: true
    })
  }

  refuse(send: SeenSend, code: number, remark = `refused with ${code}`): RemotingCommand {
    return RemotingCommand.response(send.command, code, remark)
  }

  async #onSend(command: RemotingCommand, connection: Connection): Promise<OutgoingFrame | undefined> {
    const header = decodeSendMessageRequestHeader(command)
    const send: SeenSend = {
      command,
      connection,
      header,
      properties: decodeProperties(header.properties),
      body: Buffer.from(command.body ?? Buffer.alloc(0)),
      brokerName: this.brokerName
    }
    this.sends.push(send)
    this.events.push(send)
    return this.script(send)
  }
}

export interface FakeClusterOptions {
  /** @default broker-a */
  brokers?: string[]
  /** Write queues of each broker, or of those that are named. @default 4 */
  queues?: number | Record<string, number>
  /** Topics the name server knows; undefined: all of them. */
  topics?: string[]
  clock?: Clock
  /** @default a MemoryNetwork of its own */
  network?: Network
}

/** A name server that answers 105 and brokers that do what a test says; over memory unless told otherwise. */
export class FakeCluster {
  readonly network: Network
  readonly clock: Clock
  readonly brokers: FakeBroker[]
  readonly #nameServer: RemotingServer
  /** Names of topics that were asked for. */
  readonly lookups: string[] = []
  /** Holds every route answer back until it resolves. */
  routeGate: Promise<void> = Promise.resolve()
  /** Names of brokers that are in the routes; undefined: all of them. */
  registered: string[] | undefined = undefined
  /** Address the name server announces for a broker, where it is not the true one. */
  readonly announced = new Map<string, string>()
  readonly #options: FakeClusterOptions

  private constructor(options: FakeClusterOptions) {
    this.#options = options
    this.network = options.network ?? new MemoryNetwork()
    this.clock = options.clock ?? realClock
    this.brokers = (options.brokers ?? ['broker-a']).map((name) => new FakeBroker(name, this.network, this.clock))
    const dispatcher = new RequestDispatcher({ logger: silentLogger })
    dispatcher.register(105, (request) => this.#onRoute(request))
    this.#nameServer = new RemotingServer({ network: this.network, clock: this.clock, logger: silentLogger, dispatcher })
  }

  static async start(options: FakeClusterOptions = {}): Promise<FakeCluster> {
    const cluster = new FakeCluster(options)
    await Promise.all([cluster.#nameServer.start(), ...cluster.brokers.map((broker) => broker.start())])
    return cluster
  }

  get broker(): FakeBroker {
    return this.brokers[0] as FakeBroker
  }

  /** Every send, in the order of the brokers' names, each in the order it came. */
  get sends(): SeenSend[] {
    return this.brokers.flatMap((broker) => broker.sends)
  }

  clientOptions(): { namesrvAddr: string; network: Network; clock: Clock } {
    return { namesrvAddr: `127.0.0.1:${this.#nameServer.port}`, network: this.network, clock: this.clock }
  }

  /** Sets what all brokers do. */
  script(script: (send: SeenSend, broker: FakeBroker) => ReturnType<SendScript>): void {
    for (const broker of this.brokers) broker.script = (send) => script(send, broker)
  }

  async close(): Promise<void> {
    await Promise.all([this.#nameServer.close(), ...this.brokers.map((broker) => broker.server.close())])
  }

  async #onRoute(request: RemotingCommand): Promise<RemotingCommand> {
    const topic = request.extFields['topic'] ?? ''
    this.lookups.push(topic)
    await this.routeGate
    if (this.#options.topics !== undefined && !this.#options.topics.includes(topic)) {
      return RemotingCommand.response(request, 17, `No topic route info in name server for the topic: ${topic}`)
    }
    const { queues = 4 } = this.#options
    const queuesOf = (name: string): number => (typeof queues === 'number' ? queues : (queues[name] ?? 4))
    const brokers = this.brokers.filter(({ brokerName }) => this.registered?.includes(brokerName) ?? true)
    const body = encodeTopicRoute(
      {
        queueDatas: brokers.map(({ brokerName }) => ({
          brokerName,
          readQueueNums: queuesOf(brokerName),
          writeQueueNums: queuesOf(brokerName),
          perm: 6,
          topicSysFlag: 0
        })),
        brokerDatas: brokers.map(({ brokerName, addr }) => ({
          cluster: 'DefaultCluster',
          brokerName,
          brokerAddrs: new Map([[0, this.announced.get(brokerName) ?? addr]]),
          enableActingMaster: false
        })),
        filterServerTable: new Map()
      },
      true
    )
    return RemotingCommand.response(request, 0, undefined, undefined, body)
  }
}

let groups = 0

/** A group nobody else uses. */
export function newGroup(): string {
  return `group-${process.pid}-${++groups}`
}
