import { type ConsumeQueueFiles, encodeUnits, UNIT_SIZE } from './files/consume-queue-files.ts'
import { CHUNK_UNITS, UNIT_FIELDS } from './files/consume-queue-unit-cache.ts'
import type { ConsumeQueueUnit } from './types.ts'

/** The first chunk begins small, so that idle queues cost little. */
const FIRST_UNITS = 16
/** Most units that one write takes: 80 KiB. */
const WRITE_UNITS = 4096

/**
 * Where the records of one queue are: a unit for each record, in chunks of doubles; no object per message. Java's `ConsumeQueue`.
 *
 * With files, a put goes to memory as without; {@link write} hands units to the operating system, and chunks that are written are read
 * from there again. What was not written when the process ended is built anew from the commit log.
 */
export class ConsumeQueue {
  readonly topic: string
  readonly queueId: number
  /** The next queue offset to be given to a record; ahead of `maxOffset` while records wait for dispatch. */
  nextOffset = 0
  /** Behind the last record that was dispatched: one that ends at or before it has its unit already. */
  maxPhysicalOffset = 0
  #minOffset = 0
  #maxOffset = 0
  /** Index of the first chunk in memory. */
  #firstChunk = 0
  readonly #chunks: Float64Array[] = []
  readonly #files: ConsumeQueueFiles | undefined
  /** Units below are in the files. */
  #writtenOffset = 0
  /** Counts restarts: what was being written then is not of this queue any more. */
  #generation = 0
  /** Set by a restart: what the files hold has to go before anything is written. */
  #filesAreStale = false

  constructor(topic: string, queueId: number, files?: ConsumeQueueFiles) {
    this.topic = topic
    this.queueId = queueId
    this.#files = files
  }

  /** First queue offset whose record is held. */
  get minOffset(): number {
    return this.#minOffset
  }

  /** Behind the last unit: what consumers see. */
  get maxOffset(): number {
    return this.#maxOffset
  }

  /** Units that are in memory only. */
  get unwrittenUnits(): number {
    return this.#files === undefined ? 0 : this.#maxOffset - this.#writtenOffset
  }

  /** Bytes that were written and may be lost in a power cut. */
  get unsyncedBytes(): number {
    return this.#files?.unsyncedBytes ?? 0
  }

  /** Adds the unit of `queueOffset`; one that is there already is left alone. */
  put(queueOffset: number, physicalOffset: number, size: number, tagsCode: number): void {
    if (physicalOffset + size <= this.maxPhysicalOffset || queueOffset < this.#maxOffset) return
    // A queue whose beginning was dropped, or that begins behind 0, begins with this unit.
    if (queueOffset > this.#maxOffset) this.#restart(queueOffset)
    const chunk = this.#chunkFor(queueOffset)
    const at = (queueOffset % CHUNK_UNITS) * UNIT_FIELDS
    chunk[at] = physicalOffset
    chunk[at + 1] = size
    chunk[at + 2] = tagsCode
    this.#maxOffset = queueOffset + 1
    this.maxPhysicalOffset = physicalOffset + size
    if (this.nextOffset < this.#maxOffset) this.nextOffset = this.#maxOffset
  }

  get(queueOffset: number): ConsumeQueueUnit | undefined {
    if (!this.has(queueOffset)) return undefined
    const chunk = this.#chunkAt(queueOffset)
    const at = (queueOffset % CHUNK_UNITS) * UNIT_FIELDS
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

  /** Forgets the units of records below `minPhysicalOffset`. Files stay until {@link deleteExpired}. */
  correctMinOffset(minPhysicalOffset: number): void {
    this.#minOffset = this.#firstAtOrBehind(minPhysicalOffset)
    const chunk = Math.floor(this.#minOffset / CHUNK_UNITS)
    if (chunk > this.#firstChunk) this.#dropChunks(Math.min(chunk, this.#lastKeptChunk()))
  }

  /**
   * Takes over what the files hold.
   * @param clean whether the store was closed in order
   * @throws MQClientException (`STORE_DIRECTORY`) for files that do not belong there
   */
  load(clean: boolean): void {
    const { min, max, maxPhysicalOffset } = this.#files!.load(clean)
    this.#minOffset = min
    this.#maxOffset = max
    this.#writtenOffset = max
    this.nextOffset = max
    this.maxPhysicalOffset = maxPhysicalOffset
    this.#firstChunk = Math.floor(max / CHUNK_UNITS)
  }

  /** Forgets the units of records that end behind `physicalOffset`, where the log ends; in the files durably. */
  truncateDirty(physicalOffset: number): void {
    let end = this.#firstAtOrBehind(physicalOffset)
    if (end > this.#minOffset && this.physicalOffsetAt(end - 1) + this.sizeAt(end - 1) > physicalOffset) end--
    if (end === this.#maxOffset) return
    this.#generation++
    this.#maxOffset = end
    this.nextOffset = end
    this.maxPhysicalOffset = end > this.#minOffset ? this.physicalOffsetAt(end - 1) + this.sizeAt(end - 1) : 0
    const kept = Math.max(0, Math.floor(end / CHUNK_UNITS) + 1 - this.#firstChunk)
    if (this.#chunks.length > kept) this.#chunks.length = kept
    if (this.#writtenOffset <= end || this.#files === undefined) return
    this.#writtenOffset = end
    this.#files.truncate(end)
    // What is left of the last chunk is read from the file again.
    this.#chunks.length = 0
    this.#firstChunk = Math.floor(end / CHUNK_UNITS)
  }

  /** Hands what is not in the files yet to the operating system. One call at a time. */
  async write(): Promise<void> {
    const files = this.#files
    if (files === undefined) return
    if (this.#writtenOffset === this.#maxOffset) {
      this.#dropTail()
      return
    }
    while (this.#writtenOffset < this.#maxOffset) {
      if (this.#filesAreStale) {
        files.destroy()
        this.#filesAreStale = false
      }
      const generation = this.#generation
      const from = this.#writtenOffset
      const to = Math.min(this.#maxOffset, from + WRITE_UNITS)
      await files.write(from, this.#encode(from, to))
      if (generation !== this.#generation) continue
      this.#writtenOffset = to
      this.#dropChunks(Math.floor(to / CHUNK_UNITS))
    }
  }

  /** Makes durable what was written. */
  async sync(): Promise<void> {
    await this.#files?.sync()
  }

  /** Deletes files whose records all lie below `minPhysicalOffset`, at most so many, never the last one. Returns how many. */
  deleteExpired(minPhysicalOffset: number, most: number): number {
    return this.#files?.deleteExpired(minPhysicalOffset, most) ?? 0
  }

  /** Deletes the files. */
  destroy(): void {
    this.#files?.destroy()
  }

  /** The first unit of a record at or behind `physicalOffset`. */
  #firstAtOrBehind(physicalOffset: number): number {
    let low = this.#minOffset
    let high = this.#maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.#field(middle, 0) < physicalOffset) low = middle + 1
      else high = middle
    }
    return low
  }

  #field(queueOffset: number, field: number): number {
    return this.#chunkAt(queueOffset)[(queueOffset % CHUNK_UNITS) * UNIT_FIELDS + field]!
  }

  #chunkAt(queueOffset: number): Float64Array {
    const index = Math.floor(queueOffset / CHUNK_UNITS) - this.#firstChunk
    const chunk = index >= 0 ? this.#chunks[index] : undefined
    return chunk ?? this.#files!.chunk(index + this.#firstChunk)
  }

  #restart(queueOffset: number): void {
    this.#chunks.length = 0
    this.#filesAreStale ||= this.#files !== undefined && this.#files.fileCount > 0
    this.#generation++
    this.#minOffset = queueOffset
    this.#maxOffset = queueOffset
    this.#writtenOffset = queueOffset
    this.#firstChunk = Math.floor(queueOffset / CHUNK_UNITS)
  }

  #chunkFor(queueOffset: number): Float64Array {
    const index = Math.floor(queueOffset / CHUNK_UNITS) - this.#firstChunk
    const needed = (queueOffset % CHUNK_UNITS) + 1
    const chunk = this.#chunks[index]
    if (chunk !== undefined && chunk.length >= needed * UNIT_FIELDS) return chunk
    let units = this.#firstChunk + index === 0 ? FIRST_UNITS : CHUNK_UNITS
    while (units < needed) units *= 2
    const larger = new Float64Array(units * UNIT_FIELDS)
    if (chunk !== undefined) larger.set(chunk)
    else if (this.#files !== undefined) this.#copyFromFiles(larger, queueOffset)
    this.#chunks[index] = larger
    return larger
  }

  /** The units of `queueOffset`'s chunk that come before it, when there are any. */
  #copyFromFiles(chunk: Float64Array, queueOffset: number): void {
    const index = Math.floor(queueOffset / CHUNK_UNITS)
    const first = index * CHUNK_UNITS
    if (Math.max(first, this.#minOffset) < queueOffset) {
      chunk.set(this.#files!.chunk(index).subarray(0, (queueOffset - first) * UNIT_FIELDS))
    }
    this.#files!.forget(index)
  }

  #encode(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe((to - from) * UNIT_SIZE)
    let at = 0
    for (let next = from; next < to; ) {
      const first = next % CHUNK_UNITS
      const count = Math.min(CHUNK_UNITS - first, to - next)
      at = encodeUnits(bytes, at, this.#chunkAt(next), first, count)
      next += count
    }
    return bytes
  }

  /** Nothing was put since the last write: the last chunk is read from the file when it is needed again. */
  #dropTail(): void {
    for (const [i, chunk] of this.#chunks.entries()) this.#files?.release(this.#firstChunk + i, chunk)
    this.#chunks.length = 0
  }

  /** The first chunk that may not be dropped: with files, that of the first unit not written. */
  #lastKeptChunk(): number {
    return this.#files === undefined ? Number.POSITIVE_INFINITY : Math.floor(this.#writtenOffset / CHUNK_UNITS)
  }

  /** Lets go of the chunks before `end`. */
  #dropChunks(end: number): void {
    const count = end - this.#firstChunk
    if (count <= 0) return
    if (this.#files !== undefined) {
      for (const [i, chunk] of this.#chunks.slice(0, count).entries()) this.#files.release(this.#firstChunk + i, chunk)
    }
    this.#chunks.splice(0, count)
    this.#firstChunk = end
  }
}
