import { startProgram } from './java.js'
import type { LineProcess } from './processes.js'

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

interface ControlLine {
  started?: string
  stopped?: string
  failed?: string
  error?: string
}

type Options = Record<string, string | number | boolean>

const PATIENCE_MILLIS = 40_000

/** Java's push and lite pull consumers of one version in one virtual machine. */
export class JavaConsumers {
  readonly #child: LineProcess
  readonly #messages: ConsumedMessage[] = []
  readonly #control: ControlLine[] = []
  #changed: (() => void)[] = []

  private constructor(child: LineProcess) {
    this.#child = child
  }

  static async start({
    namesrvAddr,
    home,
    version
  }: {
    namesrvAddr: string
    home: string
    version: string
  }): Promise<JavaConsumers> {
    // Queues are shared out, and a retry topic is found, within a second instead of 20.
    const flags = ['-Drocketmq.client.rebalance.waitInterval=1000', '-Drocketmq.client.rebalance.minInterval=500']
    const child = startProgram({ main: 'Consumers', version, args: ['--namesrv', namesrvAddr], home, flags })
    await child.json()
    const consumers = new JavaConsumers(child)
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
    await this.#command('push', name, options)
  }

  async lite(name: string, options: Options): Promise<void> {
    await this.#command('lite', name, options)
  }

  async stop(name: string): Promise<void> {
    await this.#command('stop', name, {})
  }

  async #command(verb: string, name: string, options: Options): Promise<void> {
    const words = Object.entries(options).map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
    this.#child.write([verb, name, ...words].join(' '))
    const mine = () =>
      this.#control.find(({ started, stopped, failed }) => failed === name || (verb === 'stop' ? stopped : started) === name)
    await this.#until(() => mine() !== undefined, PATIENCE_MILLIS)
    const line = mine()
    if (line === undefined) throw new Error(`${verb} ${name}: no answer\n${this.#child.stderr}`)
    this.#control.splice(this.#control.indexOf(line), 1)
    if (line.error) throw new Error(`${verb} ${name}: ${line.error}`)
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
