import { type Deferred, deferred } from '../../internal/async.ts'
import type { Clock } from '../../internal/clock.ts'
import { RocketMQError } from '../../internal/errors.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { nextTick } from '../../internal/turns.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import type { PutMessageStatus, ReplicaService } from '../../store/types.ts'
import type { Network, NetworkListener, NetworkSocket } from '../../transport/network.ts'
import { networkOn } from '../../transport/watched-network.ts'
import { GroupTransferService } from './group-transfer-service.ts'
import { HAClient } from './ha-client.ts'
import { HAConnection, type HAMaster } from './ha-connection.ts'

/** More slaves than anybody has; whoever connects beyond is turned away. */
const MAX_CONNECTIONS = 64

export interface HAServiceOptions {
  network: Network
  clock: Clock
  logger: Logger
  host: string
  /** The store whose log is replicated; asked for when the service is used, since the store is made with the service. */
  store: () => DefaultMessageStore
}

/**
 * Replication between brokers: Java's `HAService`. As a master it sends its log to every slave that connects and tells the store when one
 * has it; as a slave it has a client that fetches the master's.
 */
export class HAService implements ReplicaService, HAMaster {
  readonly clock: Clock
  readonly logger: Logger
  readonly #options: HAServiceOptions
  readonly #connections = new Set<HAConnection>()
  readonly #groupTransfer: GroupTransferService
  #client: HAClient | undefined
  #listener: NetworkListener | undefined
  /** Behind everything that any slave has confirmed. */
  #push2SlaveMaxOffset = 0
  #sentWhere = 0
  #scheduled = false
  #closed = false
  #suspended = false
  /** Who waits for slaves to come. */
  readonly #slaveWaiters = new Set<{ count: number; done: Deferred<void> }>()
  active = false

  constructor(options: HAServiceOptions) {
    this.#options = { ...options, network: networkOn(options.network, options.clock) }
    this.clock = options.clock
    this.logger = options.logger
    this.#groupTransfer = new GroupTransferService(options.clock)
  }

  get store(): DefaultMessageStore {
    return this.#options.store()
  }

  /** The port that slaves connect to; 0 before the start. */
  get port(): number {
    return this.#listener?.port ?? 0
  }

  /** Slaves that are connected and have said where their logs end. */
  get slaveCount(): number {
    let count = 0
    for (const connection of this.#connections) if (connection.isSlave) count++
    return count
  }

  /** Slaves that are connected and have said where their logs end. */
  *slaves(): IterableIterator<HAConnection> {
    for (const connection of this.#connections) if (connection.isSlave) yield connection
  }

  /** Behind everything that any slave has confirmed. */
  get push2SlaveMaxOffset(): number {
    return this.#push2SlaveMaxOffset
  }

  /** Behind everything that was handed to some slave's socket, or that the log held when this broker started. */
  get sentWhere(): number {
    return this.#sentWhere
  }

  /** The slave's half; undefined on a master. */
  get client(): HAClient | undefined {
    return this.#client
  }

  /**
   * Accepts slaves; a slave looks for its master as well. The store has to be started.
   * @param brokerPort what the broker was told to listen on; 0 for any free one.
   * @throws the error of the socket when `haListenPort` is taken.
   */
  async start(brokerPort: number): Promise<void> {
    const { store } = this
    const { config } = store
    this.#sentWhere = store.getMaxPhyOffset()
    this.#listener = await this.#listen(config.haListenPort, brokerPort)
    if (this.#closed) {
      await this.#listener.close()
      return
    }
    if (config.brokerRole === 'SLAVE') {
      const { network, clock, logger } = this.#options
      this.#client = new HAClient({ network, clock, logger, store })
      this.active = true
      if (config.haMasterAddress !== '') this.#client.updateMasterAddress(config.haMasterAddress)
    }
  }

  /** What the name server says of the master; a configured `haMasterAddress` stands. */
  updateMasterAddress(addr: string): void {
    if (this.store.config.haMasterAddress === '') this.#client?.updateMasterAddress(addr)
  }

  wakeUp(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // At the end of the turn: what one read of a busy connection appended leaves together.
    nextTick(() => {
      this.#scheduled = false
      for (const connection of this.#connections) connection.transfer()
      this.#client?.report()
    })
  }

  /** The rules of 4.x: one slave has to be there and not too far behind, and to confirm the record within `slaveTimeout`. */
  submitReplicaRequest(nextOffset: number): PutMessageStatus | Promise<PutMessageStatus> {
    if (this.#closed) return 'SLAVE_NOT_AVAILABLE'
    this.wakeUp()
    const { haSlaveFallbehindMax, slaveTimeout } = this.store.config
    let nearest = -1
    for (const connection of this.#connections) nearest = Math.max(nearest, connection.slaveAckOffset)
    if (nearest < 0 || nextOffset - nearest >= haSlaveFallbehindMax) return 'SLAVE_NOT_AVAILABLE'
    return this.#groupTransfer.put(nextOffset, slaveTimeout)
  }

  mayHave(offset: number): boolean {
    return offset <= this.#sentWhere
  }

  onTransferred(offset: number): void {
    if (offset > this.#sentWhere) this.#sentWhere = offset
  }

  onAck(offset: number): void {
    if (offset > this.#push2SlaveMaxOffset) {
      this.#push2SlaveMaxOffset = offset
      this.#groupTransfer.reached(offset)
    }
    if (this.#slaveWaiters.size === 0) return
    const { slaveCount } = this
    for (const waiter of this.#slaveWaiters) if (waiter.count <= slaveCount) waiter.done.resolve()
  }

  onClosed(connection: HAConnection): void {
    this.#connections.delete(connection)
    this.active = this.#client !== undefined || this.#connections.size > 0
  }

  /**
   * Resolves when `count` slaves are connected and have said where their logs end.
   * @throws when they are not there after `millis`, or the broker stops before.
   */
  async whenSlaves(count: number, millis: number): Promise<void> {
    if (this.slaveCount >= count) return
    const done = deferred<void>()
    const waiter = { count, done }
    this.#slaveWaiters.add(waiter)
    const timer = this.clock.setTimeout(
      () =>
        done.reject(new RocketMQError(`${this.slaveCount} of ${count} slaves came within ${millis} ms`, { code: 'NO_SLAVE' })),
      millis
    )
    try {
      await done.promise
    } finally {
      timer.cancel()
      this.#slaveWaiters.delete(waiter)
    }
  }

  /** Ends every replication connection; slaves come again by themselves. */
  disconnectSlaves(): void {
    for (const connection of [...this.#connections]) connection.close()
  }

  /** As a process that is killed: every replication connection is closed and none is accepted until {@link resume}. */
  async suspend(): Promise<void> {
    this.#suspended = true
    this.disconnectSlaves()
    this.#client?.suspend()
    await this.#listener?.close()
  }

  /** Accepts slaves again, on the port it had; a slave looks for its master again. */
  async resume(): Promise<void> {
    this.#suspended = false
    if (this.#listener === undefined || this.#closed) return
    this.#listener = await this.#listen(this.#listener.port, 0)
    this.#client?.resume()
    if (this.#client !== undefined) this.active = true
  }

  /** Sends what slaves will take at once, answers every put that waits, and closes all connections. */
  async shutdown(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const connection of [...this.#connections]) {
      connection.transfer()
      connection.close()
    }
    this.#client?.shutdown()
    this.#groupTransfer.shutdown()
    for (const { done } of this.#slaveWaiters) done.reject(new RocketMQError('the broker was shut down', { code: 'CLOSED' }))
    await this.#listener?.close()
  }

  async #listen(wanted: number, brokerPort: number): Promise<NetworkListener> {
    const { network, host, logger } = this.#options
    const accept = (socket: NetworkSocket): void => this.#accept(socket)
    if (wanted >= 0) return await network.listen(host, wanted, accept)
    if (brokerPort === 0 || brokerPort === 65_535) return await network.listen(host, 0, accept)
    try {
      return await network.listen(host, brokerPort + 1, accept)
    } catch (error) {
      // Slaves are told the address: any port does as well.
      logger.warn(`port ${brokerPort + 1} for replication is taken, another one is used: ${logText(error)}`)
      return await network.listen(host, 0, accept)
    }
  }

  #accept(socket: NetworkSocket): void {
    if (this.#closed || this.#suspended || this.#connections.size >= MAX_CONNECTIONS || socket.remoteAddress === undefined) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    this.#connections.add(new HAConnection(socket, this))
    this.active = true
  }
}
