import path from 'node:path'
import { MQClientException } from '../internal/errors.ts'
import type { StoreFilesOptions } from '../store/files/store-files.ts'
import type { TlsClientOptions, TlsServerOptions } from '../transport/network.ts'
import type { LoopbackBrokerOptions, LoopbackGroupOptions } from './loopback-options.ts'

export const MAX_BROKERS = 26
export const MAX_SLAVES = 8

/** The broker's connection to its own name server, which it has just started itself: there is nobody to be verified. */
export function ownTls({ cert, key, passphrase }: TlsServerOptions): TlsClientOptions {
  return { cert, key, rejectUnauthorized: false, ...(passphrase === undefined ? {} : { passphrase }) }
}

export function storeFiles({ dataDir, repair }: LoopbackBrokerOptions, folder: string): StoreFilesOptions | undefined {
  return dataDir === undefined ? undefined : { root: path.join(dataDir, folder), repair }
}

/** What every group is called and how many slaves it has. */
export function brokerGroups({ brokers = 1, brokerConfig }: LoopbackBrokerOptions): Array<Required<LoopbackGroupOptions>> {
  const bad = (message: string): MQClientException => new MQClientException(message, { code: 'BAD_OPTION' })
  const count = Array.isArray(brokers) ? brokers.length : (brokers as number)
  if (!Number.isInteger(count) || count < 1 || count > MAX_BROKERS) {
    throw bad(
      `brokers is ${String(Array.isArray(brokers) ? `a list of ${count}` : brokers)}: allowed is a whole number from 1 to ${MAX_BROKERS}, ` +
        'or a list of as many, for example [{ slaves: 1 }]'
    )
  }
  const given: ReadonlyArray<LoopbackGroupOptions | undefined> = Array.isArray(brokers) ? brokers : Array.from({ length: count })
  const groups = given.map((group, i) => {
    const { slaves = 0 } = group ?? {}
    if (!Number.isInteger(slaves) || slaves < 0 || slaves > MAX_SLAVES) {
      throw bad(`brokers[${i}].slaves is ${String(slaves)}: allowed is a whole number from 0 to ${MAX_SLAVES}`)
    }
    const single = count === 1 ? brokerConfig?.brokerName : undefined
    return { brokerName: group?.brokerName ?? single ?? `broker-${String.fromCharCode(97 + i)}`, slaves }
  })
  const names = new Set(groups.map(({ brokerName }) => brokerName))
  if (names.size < count) throw bad('brokers: each needs a brokerName of its own')
  return groups
}
