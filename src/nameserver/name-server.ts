import { formatAddress } from '../internal/address.ts'
import { type Clock, realClock, type Timer } from '../internal/clock.ts'
import type { FaultContext, FaultTable } from '../internal/fault-table.ts'
import { guardedLogger } from '../internal/guarded-logger.ts'
import { type Logger, logText, silentLogger } from '../internal/logger.ts'
import type { FrameJournal } from '../transport/frame-journal.ts'
import type { Network, TlsServerOptions } from '../transport/network.ts'
import { RemotingServer } from '../transport/remoting-server.ts'
import { RequestDispatcher } from '../transport/request-dispatcher.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import { KVConfigManager } from './kv-config-manager.ts'
import { DEFAULT_NAMESRV_CONFIG, type NamesrvConfig } from './namesrv-config.ts'
import { registerHandlers } from './request-handlers.ts'
import { RouteInfoManager } from './route-info-manager.ts'

export interface NameServerOptions {
  /** @default 127.0.0.1 */
  host?: string | undefined
  /** 0 = any free port. @default 0 */
  port?: number | undefined
  /** @default TCP */
  network?: Network | undefined
  /** TLS on its port. @default plain text only */
  tls?: TlsServerOptions | undefined
  /** @default the real clock */
  clock?: Clock | undefined
  /** @default says nothing */
  logger?: Logger | undefined
  faults?: FaultTable | undefined
  /** Told of every frame. @default nobody */
  journal?: FrameJournal | undefined
  /** RocketMQ's own property names. */
  config?: Partial<NamesrvConfig> | undefined
}

/**
 * A name server: brokers register their topics, clients ask where a topic is. It answers as Apache RocketMQ 5.3.3 does and keeps
 * everything in memory.
 *
 * ```ts
 * const nameServer = new NameServer()
 * await nameServer.start()
 * nameServer.addr // '127.0.0.1:43117'
 * await nameServer.shutdown()
 * ```
 */
export class NameServer {
  readonly routes: RouteInfoManager
  readonly #config: NamesrvConfig
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #server: RemotingServer
  #scan: Timer | undefined
  #stopped = false
  #suspended = false

  constructor(options: NameServerOptions = {}) {
    this.#config = { ...DEFAULT_NAMESRV_CONFIG, ...options.config }
    this.#clock = options.clock ?? realClock
    this.#logger = guardedLogger(options.logger ?? silentLogger, this.#clock)
    this.routes = new RouteInfoManager(this.#config, this.#clock, this.#logger)
    const dispatcher = new RequestDispatcher({ logger: this.#logger, faults: options.faults, describe: describeRequest })
    registerHandlers(dispatcher, {
      routes: this.routes,
      kvConfig: new KVConfigManager(this.#config.maxKvConfigNum),
      config: this.#config
    })
    this.#server = new RemotingServer({
      network: options.network ?? tcpNetwork,
      clock: this.#clock,
      logger: this.#logger,
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      tls: options.tls,
      faults: options.faults,
      faultContext: { server: 'namesrv' },
      journal: options.journal,
      maxConnections: this.#config.maxConnectionNum,
      dispatcher
    })
    this.#server.onConnectionClosed((connection) => this.routes.onConnectionClosed(connection))
  }

  /** Resolves when it accepts connections; rejects when it cannot listen. */
  async start(): Promise<void> {
    await this.#server.start()
    if (!this.#stopped) this.#scheduleScan()
  }

  get host(): string {
    return this.#server.host
  }

  get port(): number {
    return this.#server.port
  }

  /** What goes into `namesrvAddr`. */
  get addr(): string {
    return formatAddress(this.host, this.port)
  }

  /** As a process that is killed: every connection ends, nothing is accepted, all that was registered is forgotten. */
  async suspend(): Promise<void> {
    this.#suspended = true
    await this.#server.suspend()
  }

  /** Accepts again on the port it had; brokers have to register again. */
  async resume(): Promise<void> {
    await this.#server.resume()
    this.#suspended = false
  }

  get suspended(): boolean {
    return this.#suspended
  }

  /** Closes every connection; nothing of it keeps the process alive afterwards. */
  async shutdown(): Promise<void> {
    this.#stopped = true
    this.#scan?.cancel()
    await this.#server.close()
  }

  #scheduleScan(): void {
    this.#scan = this.#clock.setTimeout(
      () => {
        try {
          this.routes.scanNotActiveBroker()
        } catch (error) {
          this.#logger.error(`looking for dead brokers failed: ${logText(error)}`)
        }
        if (!this.#stopped) this.#scheduleScan()
      },
      this.#config.scanNotActiveBrokerInterval,
      { ref: false }
    )
  }
}

/** What faults can match on. */
function describeRequest(request: { extFields: Record<string, string> }): Partial<FaultContext> {
  const { topic, brokerName } = request.extFields
  return { server: 'namesrv', ...(topic === undefined ? {} : { topic }), ...(brokerName === undefined ? {} : { brokerName }) }
}
