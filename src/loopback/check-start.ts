import { DEFAULT_BROKER_CONFIG } from '../broker/broker-config.ts'
import { DEFAULT_NAMESRV_CONFIG } from '../nameserver/namesrv-config.ts'
import { DEFAULT_MESSAGE_STORE_CONFIG } from '../store/message-store-config.ts'
import { checkFields, checkText, checkWhole, refused } from './bad-input.ts'
import type { LoopbackBrokerOptions } from './loopback-options.ts'

const OPTIONS: Record<keyof LoopbackBrokerOptions, true> = {
  topics: true,
  brokers: true,
  host: true,
  port: true,
  namesrvPort: true,
  namesrvAddr: true,
  network: true,
  clock: true,
  tls: true,
  logger: true,
  faults: true,
  seed: true,
  journal: true,
  acl: true,
  brokerConfig: true,
  storeConfig: true,
  namesrvConfig: true,
  dataDir: true,
  repair: true
}

/** RocketMQ has them all in one file. */
const SETTINGS = {
  brokerConfig: DEFAULT_BROKER_CONFIG,
  storeConfig: DEFAULT_MESSAGE_STORE_CONFIG,
  namesrvConfig: DEFAULT_NAMESRV_CONFIG
} as const

type Settings = keyof typeof SETTINGS

/**
 * An option of the wrong name would do nothing, and a test might pass because of that.
 * @throws MQClientException (`BAD_OPTION`) naming the option, its value and what is allowed.
 */
export function checkStart(options: LoopbackBrokerOptions): void {
  checkFields('options', options, Object.keys(OPTIONS))
  checkTopics(options.topics)
  if (Array.isArray(options.brokers)) {
    for (const [i, group] of options.brokers.entries()) checkFields(`brokers[${i}]`, group, ['brokerName', 'slaves'])
  }
  checkWhole('seed', options.seed, 0, 2 ** 32 - 1)
  checkWhole('port', options.port, 0, 65_535)
  checkWhole('namesrvPort', options.namesrvPort, 0, 65_535)
  checkText('host', options.host)
  checkText('dataDir', options.dataDir)
  checkMethod('faults', options.faults, 'strike', 'a FaultTable')
  checkMethod('network', options.network, 'listen', 'a network such as new MemoryNetwork()')
  for (const place of Object.keys(SETTINGS) as Settings[]) checkPlace(place, options[place])
}

function checkTopics(topics: LoopbackBrokerOptions['topics'] = {}): void {
  const named = typeof topics === 'object' && topics !== null && !Array.isArray(topics)
  if (!named) throw refused('topics', topics, 'an object of names and settings, for example { Orders: { queues: 4 } }')
  for (const [name, settings] of Object.entries(topics))
    checkFields(`topics[${JSON.stringify(name)}]`, settings, ['queues', 'perm'])
}

function checkMethod(name: string, value: object | undefined, method: string, allowed: string): void {
  if (value === undefined) return
  if (typeof (value as Record<string, unknown> | null)?.[method] !== 'function') throw refused(name, value, allowed)
}

/** Says of a setting in the wrong place where it belongs; whether there is such a setting at all is checked by whoever it is for. */
function checkPlace(place: Settings, settings: object = {}): void {
  for (const name of Object.keys(settings)) {
    if (Object.hasOwn(SETTINGS[place], name)) continue
    const right = (Object.keys(SETTINGS) as Settings[]).find((other) => Object.hasOwn(SETTINGS[other], name))
    if (right !== undefined) throw refused(`${place}.${name}`, Object(settings)[name], `no such setting: it is one of ${right}`)
  }
}
