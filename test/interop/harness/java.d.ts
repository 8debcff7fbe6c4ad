import type { LineProcess } from './processes.js'

export declare const SERVER_VERSION: string
export declare const OLD_SERVER_VERSION: string
export declare const CLIENT_VERSIONS: string[]

export interface RealCluster {
  version: string
  namesrvAddr: string
  brokerAddr: string
  /** Temporary directory of everything the servers write; programs may use it too. */
  home: string
  /** Name server, broker. */
  pids: number[]
  stop(): Promise<void>
}

/** What the real pull consumer says of a message. */
export interface ReadMessage {
  topic: string
  queueId: number
  queueOffset: number
  commitLogOffset: number
  msgId: string
  offsetMsgId: string
  tags: string | null
  keys: string | null
  flag: number
  sysFlag: number
  bodyCRC: number
  storeSize: number
  bornTimestamp: number
  storeTimestamp: number
  reconsumeTimes: number
  properties: Record<string, string>
  /** Base64, decompressed by the consumer. */
  body: string
}

/** What Java's `TraceDataEncoder` says of a trace record. */
export interface ReadTrace {
  trace: string
  timeStamp: number
  regionId: string
  groupName: string
  costTime: number
  success: boolean
  topic: string
  msgId: string
  offsetMsgId: string
  tags: string
  keys: string
  storeHost: string
  bodyLength: number
  msgType: string
  transactionId: string | null
  transactionState: string | null
  fromTransactionCheck: string | null
}

export interface PullReader {
  readTrace(topic: string, count: number): Promise<{ messages: ReadMessage[]; records: ReadTrace[] }>
  read(topic: string, count: number): Promise<{ messages: ReadMessage[]; queues: number }>
  decodeId(uniqKey: string): Promise<{ ip: string; pid: number; time: number }>
  stop(): Promise<unknown>
}

export declare const SERVER_FLAGS: string[]
export declare const QUICK_START_FLAGS: string[]
export declare function classPath(version: string): string
export declare function freePort(neighbours?: number[]): Promise<number>
export declare function properties(table: Record<string, string | number | boolean>): string
export declare function topicConfigs(topics: Record<string, number>): string
export declare function buildJava(): Promise<void>
export declare function temporaryDirectory(name: string): { path: string; remove(): void }
export declare function startProgram(options: {
  main: string
  version: string
  args: string[]
  home: string
  quick?: boolean
  heap?: string
  flags?: string[]
}): LineProcess
export declare function startRealCluster(options: {
  topics: Record<string, number>
  heap?: string
  quick?: boolean
  brokerConfig?: Record<string, string | number | boolean>
}): Promise<RealCluster>
export interface RealBroker {
  version: string
  brokerAddr: string
  /** Where slaves connect to. */
  haAddr: string
  /** Folder of its commit log. */
  commitLog: string
  pid: number
  stop(): Promise<unknown>
}

export declare function startRealBroker(options: {
  version?: string
  namesrvAddr: string
  home: string
  topics?: Record<string, number>
  brokerConfig?: Record<string, string | number | boolean>
  heap?: string
}): Promise<RealBroker>
export declare function startRealNameServer(options: {
  home: string
}): Promise<{ namesrvAddr: string; pid: number; stop(): Promise<unknown> }>
export declare function startPullReader(options: { namesrvAddr: string; home: string; version?: string }): Promise<PullReader>
