import { LONGEST_TIMER } from '../internal/clock.ts'
import { MQClientException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'

/**
 * The settings of RocketMQ's `BrokerConfig` and `BrokerIdentity` that this broker serves, by RocketMQ's names, with 5.3.3's defaults
 * unless a line says otherwise. Times are milliseconds.
 */
export interface BrokerConfig {
  /** @default 'DefaultCluster' */
  brokerClusterName: string
  /** Letters, digits, `%`, `|`, `_` and `-`, at most 127. @default 'broker-a' (Java: the host name) */
  brokerName: string
  /** 0 is the master. @default 0 */
  brokerId: number
  /** The address that is announced and stored in messages; empty: the one that is bound. @default '' */
  brokerIP1: string
  /** The address slaves are told for replication; empty: as `brokerIP1`. @default '' */
  brokerIP2: string
  /** 2 write, 4 read. @default 6 */
  brokerPermission: number
  /** Queues of TBW102, the most an automatically created topic can get. @default 8 */
  defaultTopicQueueNums: number
  /** Whether a send to an unknown topic creates it. @default true */
  autoCreateTopicEnable: boolean
  /** Whether the topic named like the cluster may be used. @default true */
  clusterTopicEnable: boolean
  /** Whether the topic named like the broker may be used. @default true */
  brokerTopicEnable: boolean
  /** Whether an unknown consumer group is created when it is first used. @default true */
  autoCreateSubscriptionGroup: boolean
  /** Whether pulls that find nothing are held as long as the consumer asked; otherwise for `shortPollingTimeMills`. @default true */
  longPollingEnable: boolean
  /** @default 1000 */
  shortPollingTimeMills: number
  /** Whether requests that waited too long are answered SYSTEM_BUSY; they wait where a fault of the kind `queue` makes them. @default true */
  brokerFastFailureEnable: boolean
  /** How long sends and send-backs may wait so. @default 200 */
  waitTimeMillsInSendQueue: number
  /** Of pulls, pops and notifications. @default 5000 */
  waitTimeMillsInPullQueue: number
  /** @default 5000 */
  waitTimeMillsInLitePullQueue: number
  /** @default 31000 */
  waitTimeMillsInHeartbeatQueue: number
  /** @default 3000 */
  waitTimeMillsInTransactionQueue: number
  /** Of acknowledgements, and of changes of invisible times. @default 3000 */
  waitTimeMillsInAckQueue: number
  /** Of everything else but offsets, client lists, who consumes which queue, queries and replies, which wait as long as it takes. @default 5000 */
  waitTimeMillsInAdminBrokerQueue: number
  /** @default 'DefaultRegion' */
  regionId: string
  /** What answers and stored messages say in TRACE_ON. @default true */
  traceOn: boolean
  /** Sends before this wall clock time are refused. @default 0 */
  startAcceptSendRequestTimeStamp: number
  /** Kept between 10 s and 60 s. @default 30000 */
  registerNameServerPeriod: number
  /** @default 24000 */
  registerBrokerTimeoutMills: number
  /** @default false */
  rejectTransactionMessage: boolean
  /** How old a half message has to be before its producer is asked about it; messages may ask for more. @default 6000 */
  transactionTimeOut: number
  /** How often open half messages are looked for. @default 30000 */
  transactionCheckInterval: number
  /** How often a producer is asked about one message before it is put aside in `TRANS_CHECK_MAX_TIME_TOPIC`. @default 15 */
  transactionCheckMax: number
  /** Whether replies are stored in the cluster's reply topic besides being handed to the requester. @default true */
  storeReplyMessageEnable: boolean
  /** @default 'RMQ_SYS_TRACE_TOPIC' */
  msgTraceTopicName: string
  /** Whether the trace topic exists from the start. @default false */
  traceTopicEnable: boolean
  /** Whether a slave serves pulls, and a group's settings say which broker is pulled from next. @default false */
  slaveReadEnable: boolean
  /** Whether consumers may filter by properties, with SQL92 expressions. @default false */
  enablePropertyFilter: boolean
  /** Whether code 361 is served. @default true */
  litePullMessageEnable: boolean
  /** How long a producer or consumer is remembered after its last heartbeat. @default 120000 */
  channelExpiredTimeout: number
  /** How often consumers' positions are written to a file, in a broker that keeps files. @default 5000 */
  flushConsumerOffsetInterval: number
  /** @default 32 */
  defaultQueryMaxNum: number
  /** Whether codes 17 and 215 refuse system topics. @default true */
  validateSystemTopicWhenUpdateTopic: boolean
  /** Whether messages that wait for their time may be called back (code 370). @default false */
  recallMessageEnable: boolean
  /** Whether that is so while the broker takes no sends. @default true */
  allowRecallWhenBrokerNotWriteable: boolean
  /** Most topics that requests may create, those of the broker and of retries included. Java has no such limit. @default 20000 */
  maxTopicNum: number
  /** Most consumer groups. Java has no such limit. @default 20000 */
  maxSubscriptionGroupNum: number
  /** Most producers in all: a client counts once in each of its groups. Java has no such limit. @default 100000 */
  maxProducerNum: number
  /** Most consumers in all: a client counts once in each of its groups. Java has no such limit. @default 100000 */
  maxConsumerNum: number
  /** Most topics that all groups together subscribe to; long expressions count once more for every 256 characters. Java has no such limit. @default 200000 */
  maxSubscriptionNum: number
  /** Most queues of which groups have committed a position. Java has no such limit. @default 1000000 */
  maxConsumerOffsetNum: number
  /** Most queues that clients hold locked to consume them in order. Java has no such limit. @default 200000 */
  maxQueueLockNum: number
  /** Most pulls that wait for messages at the same time. Java has no such limit. @default 50000 */
  maxHeldPullNum: number
  /** Most connections of one port; further ones are closed at once. Java has no such limit. @default 20000 */
  maxConnectionNum: number
  /** How consumers that leave the assignment of queues to the broker get messages, where code 401 said nothing: PULL or POP. @default 'PULL' */
  defaultMessageRequestMode: string
  /** With POP: how many further members share a member's queues; -1: all share all. @default -1 */
  defaultPopShareQueueNum: number
  /** Most messages that are popped and not acknowledged, of all groups; beyond it pops are answered with 209. @default 200000 */
  popCkMaxBufferSize: number
}

export const DEFAULT_BROKER_CONFIG: Readonly<BrokerConfig> = {
  brokerClusterName: 'DefaultCluster',
  brokerName: 'broker-a',
  brokerId: 0,
  brokerIP1: '',
  brokerIP2: '',
  brokerPermission: 6,
  defaultTopicQueueNums: 8,
  autoCreateTopicEnable: true,
  clusterTopicEnable: true,
  brokerTopicEnable: true,
  autoCreateSubscriptionGroup: true,
  longPollingEnable: true,
  shortPollingTimeMills: 1000,
  brokerFastFailureEnable: true,
  waitTimeMillsInSendQueue: 200,
  waitTimeMillsInPullQueue: 5000,
  waitTimeMillsInLitePullQueue: 5000,
  waitTimeMillsInHeartbeatQueue: 31_000,
  waitTimeMillsInTransactionQueue: 3000,
  waitTimeMillsInAckQueue: 3000,
  waitTimeMillsInAdminBrokerQueue: 5000,
  regionId: 'DefaultRegion',
  traceOn: true,
  startAcceptSendRequestTimeStamp: 0,
  registerNameServerPeriod: 30_000,
  registerBrokerTimeoutMills: 24_000,
  rejectTransactionMessage: false,
  transactionTimeOut: 6000,
  transactionCheckInterval: 30_000,
  transactionCheckMax: 15,
  storeReplyMessageEnable: true,
  msgTraceTopicName: 'RMQ_SYS_TRACE_TOPIC',
  traceTopicEnable: false,
  slaveReadEnable: false,
  enablePropertyFilter: false,
  litePullMessageEnable: true,
  channelExpiredTimeout: 120_000,
  flushConsumerOffsetInterval: 5000,
  defaultQueryMaxNum: 32,
  validateSystemTopicWhenUpdateTopic: true,
  recallMessageEnable: false,
  allowRecallWhenBrokerNotWriteable: true,
  maxTopicNum: 20_000,
  maxSubscriptionGroupNum: 20_000,
  maxProducerNum: 100_000,
  maxConsumerNum: 100_000,
  maxSubscriptionNum: 200_000,
  maxConsumerOffsetNum: 1_000_000,
  maxQueueLockNum: 200_000,
  maxHeldPullNum: 50_000,
  maxConnectionNum: 20_000,
  defaultMessageRequestMode: 'PULL',
  defaultPopShareQueueNum: -1,
  popCkMaxBufferSize: 200_000
}

/** Names end up in topic names, in properties and in routes. */
const NAME = /^[%|a-zA-Z0-9_-]{1,127}$/
const MAX_QUEUES = 65_535

type Bound = readonly [low: number, high: number]

const MILLIS: Bound = [0, Number.MAX_SAFE_INTEGER]
/** A `Map` holds no more than 2^24 entries. */
const ENTRIES: Bound = [1, 2 ** 24]

/** What whole numbers are allowed to be. */
const BOUNDS: { readonly [K in keyof BrokerConfig as BrokerConfig[K] extends number ? K : never]: Bound } = {
  brokerId: MILLIS,
  brokerPermission: [0, 7],
  defaultTopicQueueNums: [0, MAX_QUEUES],
  shortPollingTimeMills: MILLIS,
  waitTimeMillsInSendQueue: MILLIS,
  waitTimeMillsInPullQueue: MILLIS,
  waitTimeMillsInLitePullQueue: MILLIS,
  waitTimeMillsInHeartbeatQueue: MILLIS,
  waitTimeMillsInTransactionQueue: MILLIS,
  waitTimeMillsInAckQueue: MILLIS,
  waitTimeMillsInAdminBrokerQueue: MILLIS,
  startAcceptSendRequestTimeStamp: MILLIS,
  registerNameServerPeriod: MILLIS,
  registerBrokerTimeoutMills: [1, Number.MAX_SAFE_INTEGER],
  transactionTimeOut: MILLIS,
  transactionCheckInterval: [1, LONGEST_TIMER],
  transactionCheckMax: [1, Number.MAX_SAFE_INTEGER],
  channelExpiredTimeout: [1, Number.MAX_SAFE_INTEGER],
  flushConsumerOffsetInterval: [1, Number.MAX_SAFE_INTEGER],
  defaultQueryMaxNum: [1, 1024],
  maxTopicNum: ENTRIES,
  maxSubscriptionGroupNum: ENTRIES,
  maxProducerNum: ENTRIES,
  maxConsumerNum: ENTRIES,
  maxSubscriptionNum: ENTRIES,
  maxConsumerOffsetNum: ENTRIES,
  maxQueueLockNum: ENTRIES,
  maxHeldPullNum: ENTRIES,
  maxConnectionNum: ENTRIES,
  defaultPopShareQueueNum: [-1, 0x7fffffff],
  popCkMaxBufferSize: [1, 10_000_000]
}

/**
 * The defaults with `given` on top.
 * @throws MQClientException naming the setting, what was given and what is allowed.
 */
export function createBrokerConfig(given: Partial<BrokerConfig> = {}): BrokerConfig {
  const config: Record<string, unknown> = { ...DEFAULT_BROKER_CONFIG }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    checkBrokerSetting(name, value)
    config[name] = value
  }
  return config as unknown as BrokerConfig
}

function checkBrokerSetting(name: string, value: unknown): void {
  if (!Object.hasOwn(DEFAULT_BROKER_CONFIG, name)) {
    throw bad(`there is no broker setting "${name}": served are ${Object.keys(DEFAULT_BROKER_CONFIG).join(', ')}`)
  }
  const type = typeof DEFAULT_BROKER_CONFIG[name as keyof BrokerConfig]
  if (typeof value !== type) throw bad(`${name} is ${String(value)}: expected a ${type}`)
  const bound = (BOUNDS as Record<string, Bound | undefined>)[name]
  if (bound !== undefined && (!Number.isSafeInteger(value) || (value as number) < bound[0] || (value as number) > bound[1])) {
    throw bad(`${name} is ${String(value)}: allowed is a whole number from ${bound[0]} to ${bound[1]}`)
  }
  if ((name === 'brokerName' || name === 'brokerClusterName' || name === 'msgTraceTopicName') && !NAME.test(value as string)) {
    throw bad(`${name} is "${logText(value)}": allowed are 1 to 127 of the characters %|a-zA-Z0-9_-`)
  }
  if (name === 'defaultMessageRequestMode' && value !== 'PULL' && value !== 'POP') {
    throw bad(`defaultMessageRequestMode is "${String(value)}": allowed are PULL and POP`)
  }
  // The value becomes a property of every stored message.
  if (name === 'regionId' && !/^[\x20-\x7e]{1,127}$/.test(value as string)) {
    throw bad('regionId has to be 1 to 127 printable ASCII characters')
  }
}

function bad(message: string): MQClientException {
  return new MQClientException(message, { code: 'BAD_OPTION' })
}

/**
 * Name servers tell masters and slaves apart by the id, the store by the role.
 * @throws MQClientException (`BAD_OPTION`) for a slave with the id of a master.
 */
export function checkRole(brokerId: number, isSlave: boolean): void {
  if (isSlave && brokerId === 0)
    throw bad('brokerRole is SLAVE and brokerId is 0: allowed for a slave is a whole number from 1 on')
}
