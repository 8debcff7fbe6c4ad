/** Units of a full chunk: 96 KiB in memory, 80 KiB in a file. */
export const CHUNK_UNITS = 4096
/** Doubles of a unit: physical offset, size, tags code; all are exact in a double. */
export const UNIT_FIELDS = 3

/** Chunks of all queues held for reading; 64 take 6 MiB. */
const CAPACITY = 64

/** The chunks that were read last, of all queues of a store. */
export class UnitCache {
  /** By queue and chunk; the one used longest ago first. */
  readonly #chunks = new Map<number, Float64Array>()
  #serials = 0
  /** Reads come in runs of one chunk. */
  #recentKey = -1
  #recent: Float64Array | undefined

  /** What a queue is known by here. */
  nextSerial(): number {
    return this.#serials++
  }

  get(serial: number, index: number): Float64Array | undefined {
    const key = keyOf(serial, index)
    if (key === this.#recentKey) return this.#recent
    const chunk = this.#chunks.get(key)
    if (chunk === undefined) return undefined
    this.#chunks.delete(key)
    this.#chunks.set(key, chunk)
    this.#recentKey = key
    this.#recent = chunk
    return chunk
  }

  set(serial: number, index: number, chunk: Float64Array): void {
    const key = keyOf(serial, index)
    this.#drop(key)
    this.#chunks.set(key, chunk)
    if (this.#chunks.size > CAPACITY) {
      for (const oldest of this.#chunks.keys()) {
        this.#drop(oldest)
        break
      }
    }
  }

  delete(serial: number, index: number): void {
    this.#drop(keyOf(serial, index))
  }

  deleteAll(serial: number): void {
    for (const key of [...this.#chunks.keys()]) if (Math.floor(key / 0x1_0000_0000) === serial) this.#drop(key)
  }

  #drop(key: number): void {
    this.#chunks.delete(key)
    if (key !== this.#recentKey) return
    this.#recentKey = -1
    this.#recent = undefined
  }
}

function keyOf(serial: number, index: number): number {
  return serial * 0x1_0000_0000 + index
}
