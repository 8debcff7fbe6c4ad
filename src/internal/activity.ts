/** Something that can tell by looking whether it has something to do; for what passes too often to be counted. */
export interface ActivityProbe {
  /** Whether something is under way that ends without the clock. */
  busy(): boolean
  /** One line for each thing that is. */
  lines(): string[]
}

interface Work {
  readonly what: string
  /** Monotonic, real ms. */
  readonly since: number
}

/**
 * What goes on between the parties of a clock that stands, so that it moves only when nothing does: files and connections being opened,
 * bytes that were written and not read, work that goes on in a later turn. What waits for the clock itself is no activity: a request that
 * a fault has dropped, a pull that is held, a flush that may time out. The real clock has none, and nobody registers anything then.
 */
export class Activity {
  readonly #now: () => number
  readonly #works = new Set<Work>()
  readonly #probes = new Set<ActivityProbe>()
  readonly #reports = new Set<() => string[]>()
  readonly #names = new Map<string, { name: string }>()

  /** @param now real time, monotonic ms. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Something begins; call what is returned when it has ended. */
  begin(what: string): () => void {
    const work = { what, since: this.#now() }
    this.#works.add(work)
    return () => void this.#works.delete(work)
  }

  /** The promise's work ends when it settles. Returns the promise. */
  track<T>(promise: Promise<T>, what: string): Promise<T> {
    const end = this.begin(what)
    promise.then(end, end)
    return promise
  }

  /** Asked before each step. Returns what ends that. */
  watch(probe: ActivityProbe): () => void {
    this.#probes.add(probe)
    return () => void this.#probes.delete(probe)
  }

  /** Adds lines to what {@link waiting} tells: requests in flight for one, which may wait for the clock. Returns what ends that. */
  report(lines: () => string[]): () => void {
    this.#reports.add(lines)
    return () => void this.#reports.delete(lines)
  }

  /** What {@link named} calls an address from now on. Returns what ends that. */
  name(addr: string, name: string): () => void {
    const entry = { name }
    this.#names.set(addr, entry)
    return () => {
      if (this.#names.get(addr) === entry) this.#names.delete(addr)
    }
  }

  /** The address, with the name of who is there. */
  named(addr: string): string {
    const entry = this.#names.get(addr)
    return entry === undefined ? addr : `${entry.name} (${addr})`
  }

  /** Whether something goes on that ends without the clock. */
  get busy(): boolean {
    if (this.#works.size > 0) return true
    for (const probe of this.#probes) if (probe.busy()) return true
    return false
  }

  /** What keeps the clock from moving, a line each. */
  active(): string[] {
    const now = this.#now()
    const works = [...this.#works].map(({ what, since }) => `${what}, for ${Math.round(now - since)} ms of real time`)
    return [...works, ...[...this.#probes].flatMap((probe) => probe.lines())]
  }

  /** What waits for an answer, whether the clock has to bring it or not. */
  waiting(): string[] {
    return [...this.#reports].flatMap((lines) => lines())
  }
}
