import type { Clock } from '../internal/clock.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import { LanguageCode, type LanguageName } from '../protocol/language-code.ts'
import type { Network, TlsClientOptions } from '../transport/network.ts'
import type { RPCHook } from '../transport/rpc-hook.ts'
import {
  having,
  LONGEST_TIMEOUT,
  list,
  object,
  oneOf,
  type Rule,
  text,
  textOrTexts,
  truth,
  wholeNumber
} from './check-options.ts'

/** An ACL user. The secret signs requests and never travels; neither value shows in logs, errors or `util.inspect`. */
export interface Credentials {
  accessKey: string
  secretKey: string
  /** Of temporary credentials. */
  securityToken?: string
}

/** What every client has; Java's `ClientConfig`. */
export interface ClientOptions {
  /**
   * Name servers: `host:port`, several separated by `;` or as an array; IPv6 hosts in brackets; `http://host:port` is read as
   * `host:port`. The environment variable `NAMESRV_ADDR` serves when it is absent.
   */
  namesrvAddr?: string | string[] | undefined
  /** Address this client names itself by. @default the first usable address of this host */
  clientIP?: string | undefined
  /** Producers with the same name share connections. @default `DEFAULT`, which becomes `pid#random`: nothing is shared */
  instanceName?: string | undefined
  /** Appended to the client id. */
  unitName?: string | undefined
  /** @default false */
  unitMode?: boolean | undefined
  /** Namespace of the first kind: topics and groups travel as `namespace%name`. */
  namespace?: string | undefined
  /** Namespace of the second kind: travels as header fields, names stay as they are. */
  namespaceV2?: string | undefined
  /** Sends go to the broker's port minus 2. @default false */
  vipChannelEnabled?: boolean | undefined
  /** How often routes are refreshed, ms. @default 30000 */
  pollNameServerInterval?: number | undefined
  /** How often brokers hear from this client, ms. @default 30000 */
  heartbeatBrokerInterval?: number | undefined
  /** Time allowed for a route lookup, a heartbeat, an unregistration, ms. @default 3000 */
  mqClientApiTimeout?: number | undefined
  /** Time allowed to open a connection, ms. @default 3000 */
  connectTimeout?: number | undefined
  /** @default false, or true when `tls` is given */
  useTLS?: boolean | undefined
  /** Certificates are verified unless `rejectUnauthorized: false` is given. */
  tls?: TlsClientOptions | undefined
  /** Language announced in heartbeats. @default JAVA */
  language?: LanguageName | undefined
  /**
   * Header form of requests. Brokers since 4.7 read both; a binary header costs the client about 1 µs less a message.
   * @default ROCKETMQ (binary) for sends, JSON for everything else
   */
  serializeType?: 'JSON' | 'ROCKETMQ' | undefined
  /** Where sockets come from. @default TCP */
  network?: Network | undefined
  /** @default the real clock */
  clock?: Clock | undefined
  /** @default says nothing */
  logger?: Logger | undefined
  /** Signs every request when given. */
  credentials?: Credentials | undefined
  /** Called around every request. */
  rpcHooks?: RPCHook[] | undefined
  /** Faults for tests. */
  faults?: FaultTable | undefined
  /** Bound of an answer's header, bytes. @default 4194304 */
  maxResponseHeaderLength?: number | undefined
}

const millis = wholeNumber(1, LONGEST_TIMEOUT)

/** What each of them may be. */
export const CLIENT_OPTION_RULES: { readonly [Name in keyof ClientOptions]?: Rule } = {
  namesrvAddr: textOrTexts,
  clientIP: text,
  instanceName: text,
  unitName: text,
  unitMode: truth,
  namespace: text,
  namespaceV2: text,
  vipChannelEnabled: truth,
  pollNameServerInterval: millis,
  heartbeatBrokerInterval: millis,
  mqClientApiTimeout: millis,
  connectTimeout: millis,
  useTLS: truth,
  tls: object,
  language: oneOf(...Object.keys(LanguageCode)),
  serializeType: oneOf('JSON', 'ROCKETMQ'),
  network: having('connect'),
  clock: having('now', 'monotonic', 'setTimeout'),
  logger: having('debug', 'info', 'warn', 'error'),
  credentials: object,
  rpcHooks: list,
  faults: object,
  maxResponseHeaderLength: wholeNumber(1)
}
