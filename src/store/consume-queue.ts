import type { ConsumeQueueUnit } from './types.ts'

/** Units of a full chunk: 96 KiB. The first chunk begins small, so that idle queues cost little. */
const CHUNK_UNITS = 4096
const FIRST_UNITS = 16
/** Doubles of a unit: physical offset, size, tags code; all are exact in a double. */
const STRIDE = 3

/** Where the records of one queue are: a unit for each record, in chunks of doubles; no object per message. Java's `ConsumeQueue`. */
export class ConsumeQueue {
  readonly topic: string
  readonly queueId: number
  /** The next queue offset to be given to a record; ahead of `maxOffset` while records wait for dispatch. */
  nextOffset = 0
  /** Behind the last record that was dispatched: one that ends at or before it has its unit already. */
  maxPhysicalOffset = 0
  #minOffset = 0
  #maxOffset = 0
  /** Index of the first chunk's first unit. */
  #firstChunk = 0
  readonly #chunks: Float64Array[] = []

  constructor(topic: string, queueId: number) {
    this.topic = topic
    this.queueId = queueId
  }

  /** First queue offset whose record is held. */
  get minOffset(): number {
    return this.#minOffset
  }

  /** Behind the last unit: what consumers see. */
  get maxOffset(): number {
    return this.#maxOffset
  }

  /** Adds the unit of `queueOffset`; one that is there already is left alone. */
  put(queueOffset: number, physicalOffset: number, size: number, tagsCode: number): void {
    if (physicalOffset + size <= this.maxPhysicalOffset || queueOffset < this.#maxOffset) return
    // A queue whose beginning was dropped, or that begins behind 0, begins with this unit.
    if (queueOffset > this.#maxOffset) this.#restart(queueOffset)
    const chunk = this.#chunkFor(queueOffset)
    const at = (queueOffset % CHUNK_UNITS) * STRIDE
    chunk[at] = physicalOffset
    chunk[at + 1] = size
    chunk[at + 2] = tagsCode
    this.#maxOffset = queueOffset + 1
    this.maxPhysicalOffset = physicalOffset + size
    if (this.nextOffset < this.#maxOffset) this.nextOffset = this.#maxOffset
  }

  get(queueOffset: number): ConsumeQueueUnit | undefined {
    if (!this.has(queueOffset)) return undefined
    const chunk = this.#chunks[Math.floor(queueOffset / CHUNK_UNITS) - this.#firstChunk]!
    const at = (queueOffset % CHUNK_UNITS) * STRIDE
    return { physicalOffset: chunk[at]!, size: chunk[at + 1]!, tagsCode: chunk[at + 2]! }
  }

  has(queueOffset: number): boolean {
    return Number.isInteger(queueOffset) && queueOffset >= this.#minOffset && queueOffset < this.#maxOffset
  }

  /** The single fields, for scans; `queueOffset` must be held. */
  physicalOffsetAt(queueOffset: number): number {
    return this.#field(queueOffset, 0)
  }

  sizeAt(queueOffset: number): number {
    return this.#field(queueOffset, 1)
  }

  tagsCodeAt(queueOffset: number): number {
    return this.#field(queueOffset, 2)
  }

  /** Forgets the units of records below `minPhysicalOffset`. */
  correctMinOffset(minPhysicalOffset: number): void {
    let low = this.#minOffset
    let high = this.#maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.#field(middle, 0) < minPhysicalOffset) low = middle + 1
      else high = middle
    }
    this.#minOffset = low
    const chunk = Math.floor(low / CHUNK_UNITS)
    if (chunk > this.#firstChunk) {
      this.#chunks.splice(0, chunk - this.#firstChunk)
      this.#firstChunk = chunk
    }
  }

  #field(queueOffset: number, field: number): number {
    const chunk = this.#chunks[Math.floor(queueOffset / CHUNK_UNITS) - this.#firstChunk]!
    return chunk[(queueOffset % CHUNK_UNITS) * STRIDE + field]!
  }

  #restart(queueOffset: number): void {
    this.#chunks.length = 0
    this.#minOffset = queueOffset
    this.#maxOffset = queueOffset
    this.#firstChunk = Math.floor(queueOffset / CHUNK_UNITS)
  }

  #chunkFor(queueOffset: number): Float64Array {
    const index = Math.floor(queueOffset / CHUNK_UNITS) - this.#firstChunk
    const needed = (queueOffset % CHUNK_UNITS) + 1
    const chunk = this.#chunks[index]
    if (chunk !== undefined && chunk.length >= needed * STRIDE) return chunk
    let units = this.#firstChunk + index === 0 ? FIRST_UNITS : CHUNK_UNITS
    while (units < needed) units *= 2
    const larger = new Float64Array(units * STRIDE)
    if (chunk !== undefined) larger.set(chunk)
    this.#chunks[index] = larger
    return larger
  }
}
