export declare const cliPath: string

export interface ReadyLine {
  ready: true
  namesrvAddr: string
  brokers: { brokerName: string; brokerId: number; addr: string }[]
  startMillis: number
}

export interface OurBroker {
  namesrvAddr: string
  brokerAddr: string
  ready: ReadyLine
  readyMillis: number
  pids: number[]
  stderr(): string
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export declare function startOurBroker(options: {
  topics: Record<string, number>
  args?: string[]
  env?: NodeJS.ProcessEnv
}): Promise<OurBroker>
