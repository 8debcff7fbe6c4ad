import type { Clock } from '../internal/clock.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import type { Network } from '../transport/network.ts'
import type { NamesrvConfig } from './namesrv-config.ts'
import type { RouteInfoManager } from './route-info-manager.ts'

export interface NameServerOptions {
  /** @default 127.0.0.1 */
  host?: string | undefined
  /** 0 = any free port. @default 0 */
  port?: number | undefined
  network?: Network | undefined
  clock?: Clock | undefined
  logger?: Logger | undefined
  faults?: FaultTable | undefined
  config?: Partial<NamesrvConfig> | undefined
}

/** A name server: routes of topics, as brokers register them. */
export declare class NameServer {
  constructor(options?: NameServerOptions)
  start(): Promise<void>
  readonly addr: string
  readonly host: string
  readonly port: number
  readonly routes: RouteInfoManager
  shutdown(): Promise<void>
}
