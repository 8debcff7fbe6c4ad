import type { AclOptions } from '../broker/acl/acl-options.ts'
import type { BrokerConfig } from '../broker/broker-config.ts'
import type { Clock } from '../internal/clock.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import type { NamesrvConfig } from '../nameserver/namesrv-config.ts'
import type { MessageStoreConfig } from '../store/message-store-config.ts'
import type { Network, TlsServerOptions } from '../transport/network.ts'

/** A topic that exists from the start. */
export interface LoopbackTopicOptions {
  /** Read and write queues. @default 4 */
  queues?: number
  /** Permission bits: 2 write, 4 read. @default 6 */
  perm?: number
}

/** A master and its slaves. */
export interface LoopbackGroupOptions {
  /** @default 'broker-a' for the first, 'broker-b' for the second, ... */
  brokerName?: string
  /** How many slaves, with broker ids 1, 2, ... @default 0 */
  slaves?: number
}

/** How a loopback broker is started. */
export interface LoopbackBrokerOptions {
  /** Topics that exist from the start; others are created by the first send, as `autoCreateTopicEnable` says. @default none */
  topics?: Record<string, LoopbackTopicOptions>
  /**
   * How many master brokers, named `broker-a`, `broker-b`, ...; or what each is called and how many slaves it has, for example
   * `[{ slaves: 1 }]`. Start then waits until the slaves follow. Slaves refuse sends, and serve pulls where `brokerConfig` says
   * `slaveReadEnable: true`. @default 1
   */
  brokers?: number | readonly LoopbackGroupOptions[]
  /** Address to bind; anything but a loopback address is reachable from outside. @default '127.0.0.1' */
  host?: string
  /** Port of the name server, 0 for any free one. @default 0 */
  namesrvPort?: number
  /**
   * Name servers that the brokers register with instead of one of their own, RocketMQ's included: `host:port`, several separated by `;` or
   * as a list. They are reached over plain text. There is no `broker.nameServer` then, and `namesrvPort` and `namesrvConfig` have no meaning.
   * @default a name server of its own
   */
  namesrvAddr?: string | readonly string[]
  /** Port of the first broker, 0 for any free one; further brokers take any free port. @default 0 */
  port?: number
  /** A `MemoryNetwork` for tests without ports. @default real TCP */
  network?: Network
  /**
   * `'held'` for a clock that stands until `broker.clock.advance(...)` moves it, or a `HeldClock` that others share.
   * @default the system's clock
   */
  clock?: Clock | 'held'
  /**
   * TLS on the ports of name server and brokers: certificate, key, `mode`, and `requestCert` with `ca` for client certificates.
   * @default plain text
   */
  tls?: TlsServerOptions
  /** @default silent */
  logger?: Logger
  /** A table of faults that others consult as well, a producer for one; `broker.faults` adds to it. @default one of its own */
  faults?: FaultTable
  /** What the `probability` of faults is drawn with, a whole number from 0 on; it has no effect on a table that is given. @default by chance */
  seed?: number
  /**
   * Which frames are kept for `broker.requests()`: of the last `requests` requests with their answers, in no more than `bytes` bytes;
   * `false` keeps none.
   * @default { requests: 10000, bytes: 67108864 }
   */
  journal?:
    | false
    | {
        /** Most requests kept. @default 10000 */
        requests?: number
        /** Most bytes of memory. @default 67108864 */
        bytes?: number
      }
  /**
   * Accounts of ACL 1.0: every request to a broker needs the signature of one. The name server asks for none, as in RocketMQ.
   * @default everybody may do everything
   */
  acl?: AclOptions
  /** RocketMQ's broker settings, by RocketMQ's names. @default RocketMQ's, as `BrokerConfig` says */
  brokerConfig?: Partial<BrokerConfig>
  /**
   * RocketMQ's store settings, by RocketMQ's names, and `maxBytes` and `whenFull` of the memory storage.
   * @default RocketMQ's, as `MessageStoreConfig` says
   */
  storeConfig?: Partial<MessageStoreConfig>
  /**
   * Folder that the broker keeps its messages in, RocketMQ's `storePathRootDir`; made when it is not there. Several brokers have a folder
   * each in it, by name. @default messages are kept in memory
   */
  dataDir?: string
  /**
   * What to do about a damaged record that had been durable: `stop` refuses to start, `truncate` ends the log there, as RocketMQ does, and
   * keeps what is behind it in the folder `cut`. @default 'stop'
   */
  repair?: 'stop' | 'truncate'
  /** RocketMQ's name server settings, by RocketMQ's names. @default RocketMQ's, as `NamesrvConfig` says */
  namesrvConfig?: Partial<NamesrvConfig>
}

/** The same with a clock that is one. */
export interface ClockedOptions extends LoopbackBrokerOptions {
  /** @default the system's clock */
  clock?: Clock
}

/** What a producer needs to reach this broker. */
export interface LoopbackClientOptions {
  /** `host:port` of the name server. */
  namesrvAddr: string
  /** Present when the broker takes TLS only; the certificate's authority goes into the producer's `tls`. @default false */
  useTLS?: boolean
  /** Present when the broker does not use TCP. @default TCP */
  network?: Network
  /** Present when the broker was given a clock. @default the real clock */
  clock?: Clock
}
