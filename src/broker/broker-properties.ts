import { MQClientException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { createMessageStoreConfig, DEFAULT_MESSAGE_STORE_CONFIG, type MessageStoreConfig } from '../store/message-store-config.ts'
import { type BrokerConfig, createBrokerConfig, DEFAULT_BROKER_CONFIG } from './broker-config.ts'

/** Where a broker registers; it is no setting of the broker that has been started. */
const NAMESRV_ADDR = 'namesrvAddr'

export interface ParsedBrokerProperties<N extends object> {
  brokerConfig: Partial<BrokerConfig>
  storeConfig: Partial<MessageStoreConfig>
  namesrvConfig: Partial<N>
  /** The name servers to register with, where they are given. */
  namesrvAddr?: string
}

/**
 * RocketMQ's own property names and their values as text, as configuration files and command lines have them.
 * @param entries name and value; a later one wins.
 * @param tables.namesrv the name server's settings and their defaults.
 * @throws MQClientException (`BAD_OPTION`) naming a name that is not served, and those that are; or a bad value and what is allowed.
 *
 * @example
 * parseBrokerProperties([['autoCreateTopicEnable', 'false'], ['flushDiskType', 'SYNC_FLUSH']])
 */
export function parseBrokerProperties<N extends object = Record<string, never>>(
  entries: Iterable<readonly [name: string, value: string]>,
  tables: { namesrv?: Readonly<N> } = {}
): ParsedBrokerProperties<N> {
  const namesrv = tables.namesrv ?? {}
  const brokerConfig: Record<string, unknown> = {}
  const storeConfig: Record<string, unknown> = {}
  const namesrvConfig: Record<string, unknown> = {}
  let namesrvAddr: string | undefined
  for (const [name, text] of entries) {
    if (name === NAMESRV_ADDR) {
      namesrvAddr = text.trim()
      continue
    }
    const tables: Array<readonly [defaults: object, given: Record<string, unknown>]> = [
      [DEFAULT_BROKER_CONFIG, brokerConfig],
      [DEFAULT_MESSAGE_STORE_CONFIG, storeConfig],
      [namesrv, namesrvConfig]
    ]
    // Broker and name server have some names in common.
    const served = tables.filter(([defaults]) => Object.hasOwn(defaults, name))
    if (served.length === 0)
      throw notServed(
        name,
        tables.map(([defaults]) => defaults)
      )
    for (const [defaults, given] of served) given[name] = typed(name, text, defaults)
  }
  // Bounds and choices: both throw for a value that is not allowed.
  createBrokerConfig(brokerConfig as Partial<BrokerConfig>)
  createMessageStoreConfig(storeConfig as Partial<MessageStoreConfig>)
  return {
    brokerConfig: brokerConfig as Partial<BrokerConfig>,
    storeConfig: storeConfig as Partial<MessageStoreConfig>,
    namesrvConfig: namesrvConfig as Partial<N>,
    ...(namesrvAddr === undefined ? {} : { namesrvAddr })
  }
}

/** The value in the type of the setting's default. */
function typed(name: string, text: string, table: object): unknown {
  const value = text.trim()
  switch (typeof (table as Record<string, unknown>)[name]) {
    case 'boolean':
      if (!/^(true|false)$/i.test(value)) throw bad(`${name} is "${logText(value)}": allowed are true and false`)
      return value.toLowerCase() === 'true'
    case 'number':
      if (!/^-?\d{1,16}$/.test(value)) throw bad(`${name} is "${logText(value)}": expected a whole number`)
      return Number(value)
    default:
      return value
  }
}

function notServed(name: string, tables: readonly object[]): MQClientException {
  const names = [...new Set([NAMESRV_ADDR, ...tables.flatMap((table) => Object.keys(table))])].sort()
  return bad(`the setting "${logText(name)}" is unknown or not served; served are ${names.join(', ')}`)
}

function bad(message: string): MQClientException {
  return new MQClientException(message, { code: 'BAD_OPTION' })
}
