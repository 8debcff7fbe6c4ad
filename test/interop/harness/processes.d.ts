import type { SpawnOptionsWithoutStdio } from 'node:child_process'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
  error?: Error
}

export declare class LineProcess {
  constructor(name: string, command: string, args: string[], options?: SpawnOptionsWithoutStdio)
  readonly name: string
  readonly pid: number | undefined
  readonly stderr: string
  readonly exited: Promise<Exit>
  line(millis?: number): Promise<string>
  json<T>(millis?: number): Promise<T>
  lineWith(text: string, millis?: number): Promise<string>
  jsonUntilExit<T>(millis?: number): Promise<T[]>
  write(line: string): void
  writeBytes(bytes: Uint8Array): void
  stop(signal?: NodeJS.Signals): Promise<Exit>
}

export declare function run(name: string, command: string, args: string[], options?: SpawnOptionsWithoutStdio): Promise<string[]>
