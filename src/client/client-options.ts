import type { Clock } from '../internal/clock.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import { LanguageCode, type LanguageName } from '../protocol/language-code.ts'
import type { Network, TlsClientOptions } from '../transport/network.ts'
import type { RPCHook } from '../transport/rpc-hook.ts'
import type { SocksProxyConfig } from '../transport/socks-network.ts'
import {
  having,
  LONGEST_TIMEOUT,
  listOf,
  object,
  oneOf,
  type Rule,
  text,
  textOrTexts,
  texts,
  truth,
  wholeNumber
} from './check-options.ts'
import type { Credentials, KeyFile } from './credentials.ts'

/** What every client has; Java's `ClientConfig`. */
export interface ClientOptions {
  /**
   * Name servers: `host:port`, several separated by `;` or as an array; IPv6 hosts in brackets; `http://host:port` is read as
   * `host:port`. The environment variable `NAMESRV_ADDR` serves when it is absent.
   * @default `NAMESRV_ADDR` of the environment
   */
  namesrvAddr?: string | string[] | undefined
  /** Address this client names itself by. @default the first usable address of this host */
  clientIP?: string | undefined
  /** Producers with the same name share connections. @default `DEFAULT`, which becomes `pid#random`: nothing is shared */
  instanceName?: string | undefined
  /** Appended to the client id. @default none */
  unitName?: string | undefined
  /** @default false */
  unitMode?: boolean | undefined
  /**
   * Namespace of the first kind: topics and groups travel as `namespace%name`.
   * @default that of an instance endpoint in `namesrvAddr`, e.g. `http://MQ_INST_1234_abc.example.com:80`
   */
  namespace?: string | undefined
  /** Namespace of the second kind: travels as header fields, names stay as they are. @default none */
  namespaceV2?: string | undefined
  /** Sends go to the broker's port minus 2. @default false */
  vipChannelEnabled?: boolean | undefined
  /** Marks every request, and the client id, as those of a stream client. @default false */
  enableStreamRequestType?: boolean | undefined
  /** Where this client runs; name servers of 5.x prefer brokers there. @default environment variable `ROCKETMQ_ZONE` */
  zoneName?: string | undefined
  /** `true`: routes name brokers of the zone only, where there are any. @default environment variable `ROCKETMQ_ZONE_MODE` */
  zoneMode?: string | undefined
  /**
   * Where to connect to for a broker that announces `addr` (`host:port`), for brokers whose own address cannot be reached from here:
   * containers, Kubernetes, port forwarding. Called for every address of every route. @default as announced
   */
  mapBrokerAddress?: ((addr: string) => string) | undefined
  /**
   * The only hosts of brokers to connect to, after `mapBrokerAddress`: names (`*.example.com` too), addresses, networks (`10.0.0.0/8`).
   * @default every host that a route names
   */
  allowedHosts?: readonly string[] | undefined
  /**
   * SOCKS5 proxies by destination, the first that matches: `{ '0.0.0.0/0': { addr: 'proxy:1080', username, password } }`, or its JSON text
   * as in Java. Needs the package `socks`. @default none
   */
  socksProxyConfig?: string | Record<string, SocksProxyConfig> | undefined
  /** Heartbeats of the second version, which brokers from 5.1.3 on understand. @default false */
  useHeartbeatV2?: boolean | undefined
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
  /** Certificates are verified unless `rejectUnauthorized: false` is given. @default none */
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
  /** Signs every request when given: an ACL user, or the file that holds one. @default none: nothing is signed */
  credentials?: Credentials | KeyFile | undefined
  /** Called around every request. @default none */
  rpcHooks?: RPCHook[] | undefined
  /** Faults for tests. @default none */
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
  enableStreamRequestType: truth,
  zoneName: text,
  zoneMode: text,
  mapBrokerAddress: { allowed: 'a function', fits: (value) => typeof value === 'function' },
  allowedHosts: texts,
  socksProxyConfig: { allowed: 'an object or its JSON text', fits: (value) => text.fits(value) || object.fits(value) },
  useHeartbeatV2: truth,
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
  rpcHooks: listOf(having('doBeforeRequest', 'doAfterResponse')),
  faults: object,
  maxResponseHeaderLength: wholeNumber(1)
}
