import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { startProgram } from './java.js'
import { LineProcess } from './processes.js'
import { goProgram, nodePeerDirectory } from './tools.js'

/** What a consumer says of a message. */
export interface ConsumedMessage {
  consumer: string
  /** Wall clock ms. */
  at: number
  topic: string
  queueId: number
  queueOffset: number
  reconsumeTimes: number
  tags: string | null
  body: string
  properties: Record<string, string>
}

/** What is answered to a command. */
export interface ControlLine {
  started?: string
  stopped?: string
  read?: string
  failed?: string
  error?: string
  /** Where each queue that was read ends, by queue. */
  ends?: unknown
}

type Options = Record<string, string | number | boolean>

const PATIENCE_MILLIS = 60_000

export interface ConsumersOptions {
  /** A version of Java's client, `go` or `ali-ons`. */
  client: string
  namesrvAddr: string
  home: string
  /** Queues are shared out again every second instead of every 20; Go cannot be told. @default true */
  impatient?: boolean
}

/** Queues are shared out, a retry topic is found, and a lock that failed is tried again within a second instead of 20. */
const IMPATIENT = ['waitInterval=1000', 'minInterval=500', 'lockInterval=1000'].map(
  (setting) => `-Drocketmq.client.rebalance.${setting}`
)

function start({ client, namesrvAddr, home: parent, impatient = true }: ConsumersOptions): LineProcess {
  const args = ['--namesrv', namesrvAddr]
  // Members of a broadcasting group keep their positions in files below their home, by names that other programs use as well.
  const home = mkdtempSync(join(parent, 'consumers-'))
  if (client === 'go')
    return new LineProcess('Go consumers', goProgram('consumers'), args, { cwd: home, env: { ...process.env, HOME: home } })
  if (client === 'ali-ons') {
    if (!impatient) args.push('--rebalance', '20000')
    return new LineProcess(client, process.execPath, [`${nodePeerDirectory}consumers.mjs`, ...args])
  }
  return startProgram({ main: 'Consumers', version: client, args, home, flags: impatient ? IMPATIENT : [] })
}

/** Consumers of one client, in one process; the programs are in `java`, `go` and `node`. */
export class Consumers {
  readonly #child: LineProcess
  readonly #messages: ConsumedMessage[] = []
  readonly #control: ControlLine[] = []
  #changed: (() => void)[] = []

  private constructor(child: LineProcess) {
    this.#child = child
  }

  static async start(options: ConsumersOptions): Promise<Consumers> {
    const child = start(options)
    await child.json()
    const consumers = new Consumers(child)
    void consumers.#read()
    return consumers
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const line = await this.#child.json<ConsumedMessage | ControlLine>(600_000)
        if ('at' in line) this.#messages.push(line)
        else this.#control.push(line)
        for (const wake of this.#changed.splice(0)) wake()
      }
    } catch {
      // the process was stopped
    }
  }

  async push(name: string, options: Options): Promise<void> {
    await this.#command('push', 'started', name, options)
  }

  async lite(name: string, options: Options): Promise<void> {
    await this.#command('lite', 'started', name, options)
  }

  /** Reads queues by their number from their beginning; what the program makes of it. */
  async read(name: string, options: Options): Promise<ControlLine> {
    return await this.#command('read', 'read', name, options)
  }

  /** As {@link read}, with a lite pull consumer that goes back and forth. */
  async seek(name: string, options: Options): Promise<ControlLine> {
    return await this.#command('seek', 'read', name, options)
  }

  async stop(name: string): Promise<void> {
    await this.#command('stop', 'stopped', name, {})
  }

  async #command(verb: string, answer: 'started' | 'stopped' | 'read', name: string, options: Options): Promise<ControlLine> {
    const words = Object.entries(options).map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
    this.#child.write([verb, name, ...words].join(' '))
    const mine = () => this.#control.find((line) => line.failed === name || line[answer] === name)
    await this.#until(() => mine() !== undefined, PATIENCE_MILLIS)
    const line = mine()
    if (line === undefined) throw new Error(`${verb} ${name}: no answer\n${this.#child.stderr}`)
    this.#control.splice(this.#control.indexOf(line), 1)
    if (line.error) throw new Error(`${verb} ${name}: ${line.error}`)
    return line
  }

  /** What these consumers have got so far, in its order. */
  of(...names: string[]): ConsumedMessage[] {
    return this.#messages.filter(({ consumer }) => names.includes(consumer))
  }

  /** The same, as soon as it is so many and `enough`, or else after `millis`. */
  async received(
    names: string[],
    count: number,
    enough: (messages: ConsumedMessage[]) => boolean = () => true,
    millis = PATIENCE_MILLIS
  ): Promise<ConsumedMessage[]> {
    await this.#until(() => this.of(...names).length >= count && enough(this.of(...names)), millis)
    return this.of(...names)
  }

  async #until(good: () => boolean, millis: number): Promise<void> {
    const end = performance.now() + millis
    while (!good()) {
      const left = end - performance.now()
      if (left <= 0) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#changed.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  close(): Promise<unknown> {
    return this.#child.stop('SIGKILL')
  }
}
