type Config = Record<string, string | number | boolean>

export interface RealBroker {
  brokerName: string
  addr: string
  start(): Promise<void>
  kill(): Promise<void>
}

export interface RealServers {
  version: string
  namesrvAddr: string
  /** Temporary directory of everything the servers write. */
  home: string
  brokers: RealBroker[]
  stop(): Promise<void>
}

export declare function startServers(options: {
  version?: string
  topics: Record<string, number>
  brokers?: number
  /** Address to bind and to announce. */
  host?: string
  flags?: string[]
  files?: Record<string, string>
  brokerConfig?: Config
  namesrvConfig?: Config
  heap?: string
  /** False where the servers take no plain text. @default true */
  plain?: boolean
}): Promise<RealServers>
