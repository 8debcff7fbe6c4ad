import { formatAddress } from '../internal/address.ts'
import type { Clock } from '../internal/clock.ts'
import { RemotingSendRequestException } from '../internal/errors.ts'
import type { FaultContext, FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import { logText } from '../internal/logger.ts'
import { TimerWheel } from '../internal/timer-wheel.ts'
import type { FrameLimits } from '../protocol/frame-reader.ts'
import { SERVER_LIMITS } from '../protocol/frame-reader.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { ConnectionOwner } from './connection.ts'
import { Connection } from './connection.ts'
import type { FrameJournal } from './frame-journal.ts'
import { guard } from './guard.ts'
import { reportInFlight } from './in-flight-report.ts'
import { OpaqueSequence } from './in-flight-table.ts'
import type { Network, NetworkListener, NetworkSocket, TlsServerOptions } from './network.ts'
import type { RequestDispatcher } from './request-dispatcher.ts'
import type { TransportStats } from './transport-stats.ts'
import { transportStats } from './transport-stats.ts'
import { TurnBudget } from './turn-budget.ts'
import { networkOn } from './watched-network.ts'

/** Answers that may wait for a peer before nothing more is read from it, bytes. */
const READ_WATERMARK = 1024 * 1024

const FRAME_MILLIS = 30_000

/** How long requests are taken in one turn of the event loop. A request that takes longer still holds the others up. */
const TURN_MILLIS = 10

const MAX_CONNECTIONS = 20_000

export interface RemotingServerOptions {
  network: Network
  clock: Clock
  logger: Logger
  /** @default 127.0.0.1 */
  host?: string
  /** 0 takes any free one. @default 0 */
  port?: number
  tls?: TlsServerOptions | undefined
  limits?: FrameLimits
  faults?: FaultTable | undefined
  /** What faults know this server by. */
  faultContext?: Partial<FaultContext> | undefined
  /** Told of every frame. @default nobody */
  journal?: FrameJournal | undefined
  /** A connection that is neither read nor written for this long is closed, ms. @default 120000 */
  idleMillis?: number
  /** Further connections are closed at once. @default 20000 */
  maxConnections?: number
  dispatcher: RequestDispatcher
}

/** Accepts connections and hands their requests to the dispatcher; Java's `NettyRemotingServer`. */
export class RemotingServer {
  readonly stats: TransportStats = transportStats()
  readonly #options: RemotingServerOptions
  readonly #owner: ConnectionOwner
  readonly #wheel: TimerWheel
  readonly #connections = new Set<Connection>()
  readonly #endReport: () => void
  #endName: (() => void) | undefined
  readonly #closeListeners: Array<(connection: Connection) => void> = []
  #listener: NetworkListener | undefined
  #closed = false
  #suspended = false

  constructor(options: RemotingServerOptions) {
    const { clock, logger, dispatcher } = options
    this.#options = options
    this.#endReport = reportInFlight(clock, this.#connections)
    this.#wheel = new TimerWheel(clock, (error) => logger.error(`a deadline failed: ${logText(error)}`))
    this.#owner = {
      clock,
      logger,
      wheel: this.#wheel,
      limits: options.limits ?? SERVER_LIMITS,
      watch: { idleMillis: options.idleMillis ?? 120_000, frameMillis: FRAME_MILLIS, silenceMillis: Number.POSITIVE_INFINITY },
      opaques: new OpaqueSequence(),
      stats: this.stats,
      readWatermark: READ_WATERMARK,
      turn: new TurnBudget(clock, TURN_MILLIS),
      journal: options.journal,
      onRequest: (connection: Connection, request: RemotingCommand) => dispatcher.dispatch(connection, request)
    }
  }

  /** Resolves when it accepts connections. */
  async start(): Promise<void> {
    await this.#listen(this.#options.port ?? 0)
  }

  /** As a process that is killed: every connection is closed without another byte, and nothing is accepted until {@link resume}. */
  async suspend(): Promise<void> {
    this.#suspended = true
    const listening = this.#listener?.close()
    for (const connection of [...this.#connections]) {
      connection.mute()
      connection.close(new RemotingSendRequestException('the server was killed', { code: 'CONNECTION_LOST' }))
    }
    await listening
  }

  /** Accepts again, on the port it had. @throws the error of the socket when somebody else has taken it. */
  async resume(): Promise<void> {
    this.#suspended = false
    if (this.#listener !== undefined) await this.#listen(this.#listener.port)
  }

  async #listen(port: number): Promise<void> {
    const { network, host, tls, maxConnections, clock, faultContext } = this.#options
    const accept = (socket: NetworkSocket): void => this.#accept(socket)
    this.#listener = await networkOn(network, clock).listen(host ?? '127.0.0.1', port, accept, {
      tls,
      maxConnections,
      onRefused: (why) => this.#refused(why)
    })
    this.#endName?.()
    const name = faultContext?.brokerName ?? faultContext?.server ?? 'server'
    this.#endName = clock.activity?.name(formatAddress(this.host, this.port), name)
    if (this.#closed || this.#suspended) await this.#listener.close()
  }

  get host(): string {
    return this.#listener?.host ?? this.#options.host ?? '127.0.0.1'
  }

  /** The port it listens on; the wanted one before the start. */
  get port(): number {
    return this.#listener?.port ?? this.#options.port ?? 0
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections
  }

  /** Called with each connection that has closed, whoever closed it. */
  onConnectionClosed(listener: (connection: Connection) => void): void {
    this.#closeListeners.push(listener)
  }

  /** Stops accepting and closes every connection; no handle and no timer is left. */
  async close(): Promise<void> {
    this.#closed = true
    const listening = this.#listener?.close()
    for (const connection of [...this.#connections]) connection.close()
    this.#wheel.clear()
    this.#endReport()
    this.#endName?.()
    await listening
  }

  #refused(why: string): void {
    this.stats.refusedConnections++
    this.#options.logger.warn(`a connection was closed at once: ${why}`)
  }

  #accept(socket: NetworkSocket): void {
    const { faults, faultContext } = this.#options
    const struck = faults === undefined || faults.empty ? undefined : faults.strike({ ...faultContext, point: 'connect' })
    const full = this.#connections.size >= (this.#options.maxConnections ?? MAX_CONNECTIONS)
    if (full) this.#refused(`there are ${this.#connections.size}, as many as maxConnectionNum allows`)
    // A peer that reset the connection before we got to it leaves a socket without an address.
    if (
      full ||
      this.#closed ||
      this.#suspended ||
      socket.remoteAddress === undefined ||
      struck?.action.kind === 'close' ||
      struck?.action.kind === 'fail'
    ) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    const connection = new Connection(socket, this.#owner)
    this.stats.connects++
    this.#connections.add(connection)
    connection.onClose(() => {
      this.#connections.delete(connection)
      for (const listener of this.#closeListeners) {
        guard(this.#options.logger, 'a close listener', listener, connection)
      }
    })
  }
}
