import type { FileReader } from './file-ops.ts'

export const SLOT_SIZE = 4
/** Slots whose change is remembered, and which are written, together: 4 KiB. */
const PAGE_SLOTS = 1024
const PAGE_SIZE = PAGE_SLOTS * SLOT_SIZE
/** Slots read together: 256 KiB. */
const PIECE_SLOTS = 64 * PAGE_SLOTS
const NO_SLOTS = Buffer.alloc(PIECE_SLOTS * SLOT_SIZE)
/** Most bytes of one write. */
const MAX_WRITE = 1024 * 1024

/** Pages of slots that lie behind one another. */
export interface SlotRun {
  /** From the first slot on, bytes. */
  position: number
  bytes: Buffer
}

/** The slots of the index file that takes keys: the newest entry of each, and which pages of them differ from the file. */
export class IndexSlots {
  /** The system gives memory only to the pages that are used. */
  readonly #values: Int32Array
  readonly #dirtyPages: Uint8Array

  constructor(count: number) {
    this.#values = new Int32Array(count)
    this.#dirtyPages = new Uint8Array(Math.ceil(count / PAGE_SLOTS))
  }

  get(slot: number): number {
    return this.#values[slot]!
  }

  set(slot: number, index: number): void {
    this.#values[slot] = index
    this.#dirtyPages[Math.floor(slot / PAGE_SLOTS)] = 1
  }

  /** Copies of all pages that differ from the file, which count as written from now on: what is put meanwhile is not part of them. */
  takeDirty(): SlotRun[] {
    const runs: SlotRun[] = []
    for (let page = 0; page < this.#dirtyPages.length; page++) {
      if (this.#dirtyPages[page] === 0) continue
      const first = page
      while (page < this.#dirtyPages.length && this.#dirtyPages[page] === 1 && (page - first) * PAGE_SIZE < MAX_WRITE) {
        this.#dirtyPages[page++] = 0
      }
      runs.push({ position: first * PAGE_SIZE, bytes: bigEndian(this.#values.slice(first * PAGE_SLOTS, page * PAGE_SLOTS)) })
      page--
    }
    return runs
  }

  /** It could not be written after all. */
  giveBack({ position, bytes }: SlotRun): void {
    const first = position / PAGE_SIZE
    this.#dirtyPages.fill(1, first, first + Math.ceil(bytes.length / PAGE_SIZE))
  }

  /**
   * Takes the slots over from a file, in pieces: a caller with time lets the event loop turn between them.
   * @param at where the first slot is, bytes
   */
  *read(reader: FileReader, at: number): IterableIterator<void> {
    const piece = Buffer.alloc(PIECE_SLOTS * SLOT_SIZE)
    for (let first = 0; first < this.#values.length; first += PIECE_SLOTS) {
      const count = Math.min(PIECE_SLOTS, this.#values.length - first)
      const bytes = piece.subarray(0, count * SLOT_SIZE)
      reader.fill(bytes, at + first * SLOT_SIZE)
      // What was never written is not touched, so that it takes no memory.
      if (!bytes.equals(NO_SLOTS.subarray(0, bytes.length))) {
        for (let i = 0; i < count; i++) this.#values[first + i] = bytes.readInt32BE(i * SLOT_SIZE)
      }
      yield
    }
  }

  /** Finds the pages that differ from a file, in pieces. */
  *compare(reader: FileReader, at: number): IterableIterator<void> {
    const piece = Buffer.alloc(PIECE_SLOTS * SLOT_SIZE)
    for (let first = 0; first < this.#values.length; first += PIECE_SLOTS) {
      const wanted = bigEndian(this.#values.slice(first, first + PIECE_SLOTS))
      const bytes = piece.subarray(0, wanted.length)
      reader.fill(bytes, at + first * SLOT_SIZE)
      for (let i = 0; i < bytes.length; i += PAGE_SIZE) {
        const same = bytes.subarray(i, i + PAGE_SIZE).equals(wanted.subarray(i, i + PAGE_SIZE))
        this.#dirtyPages[(first + i / SLOT_SIZE) / PAGE_SLOTS] = same ? 0 : 1
      }
      yield
    }
  }
}

function bigEndian(numbers: Int32Array): Buffer {
  const bytes = Buffer.alloc(numbers.length * SLOT_SIZE)
  for (let i = 0; i < numbers.length; i++) bytes.writeInt32BE(numbers[i]!, i * SLOT_SIZE)
  return bytes
}
