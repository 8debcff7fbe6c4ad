import type { Clock } from '../internal/clock.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import type { StoreFilesOptions } from '../store/files/store-files.ts'
import type { MessageStoreConfig } from '../store/message-store-config.ts'
import type { FrameJournal } from '../transport/frame-journal.ts'
import type { Network, TlsClientOptions, TlsServerOptions } from '../transport/network.ts'
import type { AclOptions } from './acl/acl-options.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerHooks } from './hooks/broker-hooks.ts'

/** How a broker is made. */
export interface BrokerControllerOptions {
  config?: Partial<BrokerConfig> | undefined
  storeConfig?: Partial<MessageStoreConfig> | undefined
  /** Keeps the store in the files of a folder. @default in memory */
  storeFiles?: StoreFilesOptions | undefined
  /** Address to bind. @default '127.0.0.1' */
  host?: string | undefined
  /** 0 takes any free one. @default 0 */
  port?: number | undefined
  /** `host:port`, several in a list or separated by `;`. Empty: the broker stands alone. */
  namesrvAddr: string | readonly string[]
  network?: Network | undefined
  /** TLS on its port. @default plain text only */
  tls?: TlsServerOptions | undefined
  /** TLS to the name servers. @default plain text */
  namesrvTls?: TlsClientOptions | undefined
  clock?: Clock | undefined
  logger?: Logger | undefined
  faults?: FaultTable | undefined
  /** Told of every frame of its ports. @default nobody */
  journal?: FrameJournal | undefined
  /** Who may do what; without it everybody may do everything. */
  acl?: AclOptions | undefined
  /** Hooks that several brokers share. @default its own */
  hooks?: BrokerHooks | undefined
  /** Topics that exist from the start. @default queues 4, perm 6 */
  topics?: Record<string, { queues?: number | undefined; perm?: number | undefined }> | undefined
}
