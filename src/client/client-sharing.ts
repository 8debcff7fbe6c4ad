import { isDeepStrictEqual } from 'node:util'
import { MQClientException } from '../internal/errors.ts'
import { silentLogger } from '../internal/logger.ts'
import type { Network } from '../transport/network.ts'
import { AclClientRPCHook } from './acl-client-rpc-hook.ts'
import type { ClientOptions } from './client-options.ts'
import { resolveCredentials } from './credentials.ts'

/**
 * What producers that share a client have to agree on: a request must not go to other servers, or be signed by somebody else, than its
 * producer was told.
 */
export class SharedSettings {
  readonly nameServers: readonly string[]
  readonly #options: ClientOptions
  readonly #acl: AclClientRPCHook | undefined

  constructor(nameServers: readonly string[], options: ClientOptions) {
    this.nameServers = nameServers
    const { credentials, logger = silentLogger } = options
    this.#acl = credentials === undefined ? undefined : new AclClientRPCHook(resolveCredentials(credentials, logger))
    this.#options = options
  }

  get aclHook(): AclClientRPCHook | undefined {
    return this.#acl
  }

  /** @throws MQClientException `CLIENT_CONFLICT` naming the options that differ, never their values. */
  assertSame(other: SharedSettings, clientId: string): void {
    const a = this.#options
    const b = other.#options
    const differ: string[] = []
    if (!sameMembers(this.nameServers, other.nameServers)) differ.push('namesrvAddr')
    if (!(this.#acl === undefined || other.#acl === undefined ? this.#acl === other.#acl : this.#acl.equals(other.#acl))) {
      differ.push('credentials')
    }
    if (usesTLS(a) !== usesTLS(b) || !isDeepStrictEqual(a.tls ?? {}, b.tls ?? {})) differ.push('tls')
    if ((a.namespaceV2 ?? '') !== (b.namespaceV2 ?? '')) differ.push('namespaceV2')
    for (const name of ['zoneName', 'zoneMode'] as const) if ((a[name] ?? '') !== (b[name] ?? '')) differ.push(name)
    for (const name of ['allowedHosts', 'socksProxyConfig'] as const) if (!isDeepStrictEqual(a[name], b[name])) differ.push(name)
    if (a.mapBrokerAddress !== b.mapBrokerAddress) differ.push('mapBrokerAddress')
    if (a.serializeType !== b.serializeType) differ.push('serializeType')
    if (!sameMembers(a.rpcHooks ?? [], b.rpcHooks ?? [])) differ.push('rpcHooks')
    if (a.clock !== b.clock) differ.push('clock')
    if (a.faults !== b.faults) differ.push('faults')
    if (differ.length === 0) return
    throw new MQClientException(`the client ${clientId} exists already with other settings: ${differ.join(', ')}`, {
      code: 'CLIENT_CONFLICT',
      hint: 'Producers with the same instanceName share one client. Give this one another instanceName, or the same settings.'
    })
  }
}

export function usesTLS(options: ClientOptions): boolean {
  return options.useTLS ?? options.tls !== undefined
}

function sameMembers(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member))
}

/** The clients of this process by network and client id. */
export class ClientRegistry<T> {
  readonly #clients = new WeakMap<Network, Map<string, T>>()

  of(network: Network): Map<string, T> {
    let clients = this.#clients.get(network)
    if (clients === undefined) {
      clients = new Map()
      this.#clients.set(network, clients)
    }
    return clients
  }
}
