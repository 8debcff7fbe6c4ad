import { javaHashCode } from '../protocol/java-hash.ts'
import type { DispatchRequest } from './types.ts'

/** What is indexed of a record. */
export type KeyedRecord = Pick<DispatchRequest, 'physicalOffset' | 'storeTimestamp' | 'keys' | 'uniqKey'>

/** Finds records by key; in memory, or in files (files/index-files.ts). */
export interface KeyIndex {
  /** Store timestamp and physical offset of the last record indexed. */
  readonly lastUpdateTimestamp: number
  readonly lastUpdatePhysicalOffset: number
  /**
   * Indexes a record by its unique key and by each of its keys.
   * @param topicHash Java's hash of `topic#`
   */
  putMessage(topicHash: number, record: KeyedRecord): void
  /**
   * Physical offsets of records that may have the key, newest first: hashes collide, so the caller looks at the record.
   * @param begin records stored before it may be left out, ms since 1970
   * @param end records stored after it may be left out, ms since 1970
   */
  query(topic: string, key: string, begin?: number, end?: number): IterableIterator<number>
  /** Forgets entries of records below `minPhysicalOffset`, as far as that is easy. */
  correctMinOffset(minPhysicalOffset: number): void
}

const CHUNK_ENTRIES = 4096
/** Doubles of an entry: key hash, physical offset, the entry before it in its slot (1-based, 0 none). */
const STRIDE = 3
const FIRST_SLOTS = 1024

/** What both kinds of index share: which keys of a record are indexed. */
export abstract class KeyIndexBase implements KeyIndex {
  lastUpdateTimestamp = 0
  lastUpdatePhysicalOffset = 0

  putMessage(topicHash: number, record: KeyedRecord): void {
    const { uniqKey, keys, physicalOffset, storeTimestamp } = record
    if (uniqKey !== undefined && uniqKey !== '') this.put(keyHash(topicHash, uniqKey), physicalOffset, storeTimestamp)
    if (keys !== undefined && keys !== '') {
      if (keys.includes(' ')) {
        for (const key of new Set(keys.split(' '))) {
          if (key !== '') this.put(keyHash(topicHash, key), physicalOffset, storeTimestamp)
        }
      } else this.put(keyHash(topicHash, keys), physicalOffset, storeTimestamp)
    }
    this.lastUpdateTimestamp = storeTimestamp
    this.lastUpdatePhysicalOffset = physicalOffset
  }

  /** Adds an entry. @param hash Java's hash of `topic#key` */
  protected abstract put(hash: number, physicalOffset: number, storeTimestamp: number): void
  abstract query(topic: string, key: string, begin?: number, end?: number): IterableIterator<number>
  abstract correctMinOffset(minPhysicalOffset: number): void
}

/**
 * Finds records by key: Java's `IndexService` as one growing hash table in memory. Entries lie in chunks in the order of the log, each
 * slot leads to its newest entry and that one to the entry before it; no object per message.
 */
export class IndexService extends KeyIndexBase {
  readonly #maxEntries: () => number
  readonly #chunks: Float64Array[] = []
  /** Number of the first entry held, a multiple of {@link CHUNK_ENTRIES}, and of the next one. */
  #first = 0
  #next = 0
  #slots = new Float64Array(FIRST_SLOTS)

  constructor(maxEntries: () => number) {
    super()
    this.#maxEntries = maxEntries
  }

  /** Entries held. */
  get size(): number {
    return this.#next - this.#first
  }

  override *query(topic: string, key: string): IterableIterator<number> {
    const hash = javaHashCode(`${topic}#${key}`)
    for (let entry = this.#slots[this.#slotOf(hash)]! - 1; entry >= this.#first; ) {
      const chunk = this.#chunkOf(entry)
      const at = (entry % CHUNK_ENTRIES) * STRIDE
      if (chunk[at] === hash) yield chunk[at + 1]!
      entry = chunk[at + 2]! - 1
    }
  }

  override correctMinOffset(minPhysicalOffset: number): void {
    while (this.size > CHUNK_ENTRIES && this.#chunks[0]![(CHUNK_ENTRIES - 1) * STRIDE + 1]! < minPhysicalOffset) this.#dropChunk()
  }

  protected override put(hash: number, physicalOffset: number): void {
    if (this.#next % CHUNK_ENTRIES === 0) this.#grow()
    const entry = this.#next++
    const chunk = this.#chunkOf(entry)
    const at = (entry % CHUNK_ENTRIES) * STRIDE
    const slot = this.#slotOf(hash)
    chunk[at] = hash
    chunk[at + 1] = physicalOffset
    chunk[at + 2] = this.#slots[slot]!
    this.#slots[slot] = entry + 1
  }

  #slotOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1)
  }

  #chunkOf(entry: number): Float64Array {
    return this.#chunks[(entry - this.#first - (entry % CHUNK_ENTRIES)) / CHUNK_ENTRIES]!
  }

  /** Room for one more chunk, and as many slots as there are entries. */
  #grow(): void {
    while (this.size > 0 && this.size + CHUNK_ENTRIES > this.#maxEntries()) this.#dropChunk()
    this.#chunks.push(new Float64Array(CHUNK_ENTRIES * STRIDE))
    if (this.size + CHUNK_ENTRIES <= this.#slots.length) return
    this.#slots = new Float64Array(Math.max(this.#slots.length * 2, 2 * CHUNK_ENTRIES))
    for (let entry = this.#first; entry < this.#next; entry++) {
      const chunk = this.#chunkOf(entry)
      const at = (entry % CHUNK_ENTRIES) * STRIDE
      const slot = this.#slotOf(chunk[at]!)
      chunk[at + 2] = this.#slots[slot]!
      this.#slots[slot] = entry + 1
    }
  }

  /** Entries that lead to a dropped one end there: its number is below the first. */
  #dropChunk(): void {
    this.#chunks.shift()
    this.#first += CHUNK_ENTRIES
  }
}

/** Java's hash of `topic#key`, gone on from that of `topic#`. */
function keyHash(topicHash: number, key: string): number {
  let hash = topicHash
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0
  return hash
}
