import type { ClientOptions } from '../../src/client/client-options.ts'
import { MQClientInstance } from '../../src/client/mq-client-instance.ts'
import type { ProducerHandle } from '../../src/client/producer-handle.ts'
import { FaultTable } from '../../src/internal/fault-table.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { Connection } from '../../src/transport/connection.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { RemotingServer } from '../../src/transport/remoting-server.ts'
import { RequestDispatcher } from '../../src/transport/request-dispatcher.ts'
import { registerBrokerRequest, type TestBroker } from './registration.ts'
import { LinesLogger, remotingClient } from './remoting.ts'

/** A broker that only notes what it is asked and answers as told. */
export class FakeBroker {
  readonly requests: Array<{ request: RemotingCommand; connection: Connection }> = []
  readonly dispatcher: RequestDispatcher
  readonly server: RemotingServer

  constructor(network: MemoryNetwork, clock: HeldClock, faults: FaultTable) {
    const logger = new LinesLogger()
    this.dispatcher = new RequestDispatcher({ logger, faults })
    this.server = new RemotingServer({ network, clock, logger, dispatcher: this.dispatcher, idleMillis: 1e9 })
    this.on(34, () => ({}))
    this.on(35, () => ({}))
    for (const code of [310, 320, 325]) {
      this.on(code, () => ({ fields: { msgId: 'OFFSET', queueId: '1', queueOffset: '7' } }))
    }
  }

  get addr(): string {
    return `${this.server.host}:${this.server.port}`
  }

  on(
    code: number,
    answer: (request: RemotingCommand) => { code?: number; remark?: string; fields?: Record<string, string> }
  ): void {
    this.dispatcher.register(code, (request, connection) => {
      this.requests.push({ request, connection })
      const { code: answerCode = 0, remark, fields } = answer(request)
      return RemotingCommand.response(request, answerCode, remark, fields)
    })
  }

  /** Codes of the requests so far. */
  get codes(): number[] {
    return this.requests.map(({ request }) => request.code)
  }

  last(code: number): RemotingCommand | undefined {
    return this.requests.findLast(({ request }) => request.code === code)?.request
  }
}

/** Name server, fake brokers and clients on one in-memory network and one held clock. */
export class ClientRig {
  readonly network = new MemoryNetwork()
  readonly clock = new HeldClock()
  readonly faults = new FaultTable()
  readonly logger = new LinesLogger()
  readonly nameServers: NameServer[] = []
  readonly #instances: MQClientInstance[] = []
  readonly #brokers: FakeBroker[] = []
  readonly #registrar = remotingClient({ network: this.network, clock: this.clock }).client

  async nameServer(options: { port?: number; host?: string; faults?: FaultTable } = {}): Promise<NameServer> {
    const server = new NameServer({ network: this.network, clock: this.clock, faults: this.faults, ...options })
    await server.start()
    this.nameServers.push(server)
    return server
  }

  async broker(registration?: TestBroker): Promise<FakeBroker> {
    const broker = new FakeBroker(this.network, this.clock, this.faults)
    await broker.server.start()
    this.#brokers.push(broker)
    if (registration !== undefined) await this.register({ brokerAddr: broker.addr, ...registration })
    return broker
  }

  /** Registers at every name server. */
  async register(registration: TestBroker): Promise<void> {
    for (const server of this.nameServers) await this.#registrar.invoke(server.addr, registerBrokerRequest(registration), 3000)
  }

  instance(options: ClientOptions = {}): MQClientInstance {
    const instance = MQClientInstance.acquire({
      namesrvAddr: this.nameServers.map(({ addr }) => addr),
      clientIP: '10.0.0.1',
      network: this.network,
      clock: this.clock,
      logger: this.logger,
      ...options
    })
    this.#instances.push(instance)
    return instance
  }

  async stop(): Promise<void> {
    for (const instance of this.#instances) await instance.release()
    await this.#registrar.close()
    for (const broker of this.#brokers) await broker.server.close()
    for (const server of this.nameServers) await server.shutdown()
  }
}

export const findRoute = { createTopicKey: 'TBW102', defaultTopicQueueNums: 4, timeoutMillis: 3000 }

export function producer(producerGroup = 'g', topics: string[] = [], more: Partial<ProducerHandle> = {}): ProducerHandle {
  return { producerGroup, publishTopics: () => topics, ...more }
}
