import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import { FILE_MODE, FOLDER_MODE, readFullySync, syncFolder, writeFully, writeFullySync } from './file-ops.ts'

/**
 * One file of the key index; Java's `IndexFile` and `IndexHeader`.
 *
 * ```
 * file   := header slot[hashSlotNum] entry[indexNum]
 * header := beginTimestamp:i64 endTimestamp:i64 beginPhyOffset:i64 endPhyOffset:i64 hashSlotCount:i32 indexCount:i32
 * slot   := index:i32                                    the newest entry of the slot, 0 none
 * entry  := keyHash:i32 phyOffset:i64 timeDiff:i32 previous:i32      timeDiff in s from beginTimestamp; entry 0 is not used
 * ```
 */
const HEADER_SIZE = 40
const SLOT_SIZE = 4
const ENTRY_SIZE = 20
/** Entries that are held, written and read together: 60 KiB. */
const BLOCK_ENTRIES = 3072
const BLOCK_SIZE = BLOCK_ENTRIES * ENTRY_SIZE
/** Slots whose change is remembered, and which are written, together: 4 KiB. */
const PAGE_SLOTS = 1024
const PAGE_SIZE = PAGE_SLOTS * SLOT_SIZE
/** Slots read together: 256 KiB. */
const PIECE_SLOTS = 64 * PAGE_SLOTS
/** Most bytes of one write. */
const MAX_WRITE = 1024 * 1024
const NO_SLOTS = Buffer.alloc(PIECE_SLOTS * SLOT_SIZE)
/** Blocks of a file kept for reading. */
const READ_BLOCKS = 8

export interface IndexFileSizes {
  /** Java: `maxHashSlotNum`. */
  hashSlotNum: number
  /** Java: `maxIndexNum`; a file takes one key less. */
  indexNum: number
}

export function indexFileSize({ hashSlotNum, indexNum }: IndexFileSizes): number {
  return HEADER_SIZE + hashSlotNum * SLOT_SIZE + indexNum * ENTRY_SIZE
}

export class IndexFile {
  readonly path: string
  readonly #sizes: IndexFileSizes
  beginTimestamp = 0
  endTimestamp = 0
  beginPhyOffset = 0
  endPhyOffset = 0
  hashSlotCount = 0
  /** The next entry; 1 in an empty file. */
  indexCount = 1
  /** Held while the file takes keys; the system gives memory only to the pages that are used. */
  #slots: Int32Array | undefined
  /** For each page of slots whether it differs from the file. */
  #dirtyPages: Uint8Array
  /** Blocks with entries that are not in the file yet, by number. */
  readonly #blocks = new Map<number, Buffer>()
  readonly #readBlocks = new Map<number, Buffer>()
  #tailNumber = -1
  #tail: Buffer = Buffer.alloc(0)
  /** Entries below are in the file. */
  #written = 1
  #exists: boolean
  /** Entries that the file's header lets count. */
  #headerCount = 1
  /** Whether everything is in the file, durably. */
  #complete: boolean

  /** @param exists whether it is there: {@link readHeader} is called next then. */
  constructor(file: string, sizes: IndexFileSizes, exists = false) {
    this.path = file
    this.#sizes = sizes
    this.#exists = exists
    this.#complete = exists
    this.#dirtyPages = new Uint8Array(Math.ceil(sizes.hashSlotNum / PAGE_SLOTS))
    if (!exists) this.#slots = new Int32Array(sizes.hashSlotNum)
  }

  get isFull(): boolean {
    return this.indexCount >= this.#sizes.indexNum
  }

  get isEmpty(): boolean {
    return this.indexCount <= 1
  }

  /** Bytes that are in memory only. */
  get unwrittenEntries(): number {
    return this.indexCount - this.#written
  }

  /** A new file goes on where the one before it ended. */
  seed(previous: IndexFile): void {
    this.beginTimestamp = this.endTimestamp = previous.endTimestamp
    this.beginPhyOffset = this.endPhyOffset = previous.endPhyOffset
  }

  /** False when the file is full: nothing was added then. @param hash not negative */
  put(hash: number, physicalOffset: number, storeTimestamp: number): boolean {
    const index = this.indexCount
    if (index >= this.#sizes.indexNum) return false
    const slots = this.#slots!
    const slot = hash % this.#sizes.hashSlotNum
    const previous = slots[slot]!
    const number = Math.floor(index / BLOCK_ENTRIES)
    if (number !== this.#tailNumber) this.#openBlock(number)
    const at = (index % BLOCK_ENTRIES) * ENTRY_SIZE
    const tail = this.#tail
    tail.writeInt32BE(hash, at)
    writeLong(tail, at + 4, physicalOffset)
    tail.writeInt32BE(this.#timeDiff(storeTimestamp), at + 12)
    tail.writeInt32BE(previous, at + 16)
    slots[slot] = index
    this.#dirtyPages[Math.floor(slot / PAGE_SLOTS)] = 1
    if (index <= 1) {
      this.beginPhyOffset = physicalOffset
      this.beginTimestamp = storeTimestamp
    }
    if (previous === 0) this.hashSlotCount++
    this.endPhyOffset = physicalOffset
    this.endTimestamp = storeTimestamp
    this.indexCount = index + 1
    this.#complete = false
    return true
  }

  /** Physical offsets of the entries with this hash, newest first. */
  *find(hash: number): IterableIterator<number> {
    const reader = new Reader(this.path)
    try {
      const slot = hash % this.#sizes.hashSlotNum
      let index = this.#slots === undefined ? reader.int(HEADER_SIZE + slot * SLOT_SIZE) : this.#slots[slot]!
      while (index > 0 && index < this.indexCount) {
        const block = this.#block(index, reader)
        const at = (index % BLOCK_ENTRIES) * ENTRY_SIZE
        const previous = block.readInt32BE(at + 16)
        if (block.readInt32BE(at) === hash) yield readLong(block, at + 4)
        // A chain leads back; anything else is damage.
        if (previous >= index) return
        index = previous
      }
    } finally {
      reader.close()
    }
  }

  readHeader(): void {
    const header = Buffer.alloc(HEADER_SIZE)
    const reader = new Reader(this.path)
    try {
      reader.fill(header, 0)
    } finally {
      reader.close()
    }
    this.beginTimestamp = readLong(header, 0)
    this.endTimestamp = readLong(header, 8)
    this.beginPhyOffset = readLong(header, 16)
    this.endPhyOffset = readLong(header, 24)
    this.hashSlotCount = header.readInt32BE(32)
    this.indexCount = Math.min(Math.max(header.readInt32BE(36), 1), this.#sizes.indexNum)
    this.#written = this.indexCount
    this.#headerCount = this.indexCount
  }

  /**
   * Makes a file that is there ready to take keys.
   * @param clean whether its slots can be trusted; otherwise they are made anew from the entries, and entries behind a hole are dropped.
   * @returns whether entries were dropped
   */
  async openForPut(clean: boolean): Promise<{ cut: boolean }> {
    const { indexCount } = this
    const slots = new Int32Array(this.#sizes.hashSlotNum)
    const reader = new Reader(this.path)
    try {
      if (!clean) await this.#rebuild(slots, reader)
      await this.#readSlots(slots, reader, !clean)
    } finally {
      reader.close()
    }
    this.#slots = slots
    return { cut: this.indexCount < indexCount }
  }

  /** Forgets the entries of records at or behind `physicalOffset`, durably; the file has to be open for puts. */
  truncate(physicalOffset: number): void {
    const reader = new Reader(this.path)
    try {
      let low = 1
      let high = this.indexCount
      while (low < high) {
        const middle = Math.floor((low + high) / 2)
        if (readLong(this.#block(middle, reader), (middle % BLOCK_ENTRIES) * ENTRY_SIZE + 4) < physicalOffset) low = middle + 1
        else high = middle
      }
      if (low === this.indexCount) return
      // A full file's are read again: it takes keys from now on.
      this.#slots ??= this.#slotsNow(reader)
      const slots = this.#slots
      for (let index = this.indexCount - 1; index >= low; index--) {
        const block = this.#block(index, reader)
        const at = (index % BLOCK_ENTRIES) * ENTRY_SIZE
        const slot = block.readInt32BE(at) % this.#sizes.hashSlotNum
        slots[slot] = block.readInt32BE(at + 16)
        this.#dirtyPages[Math.floor(slot / PAGE_SLOTS)] = 1
      }
      this.#endAt(low, reader)
    } finally {
      reader.close()
    }
    const tail = Math.floor(this.indexCount / BLOCK_ENTRIES)
    for (const number of [...this.#blocks.keys()]) if (number > tail) this.#blocks.delete(number)
    this.#readBlocks.clear()
    this.#tailNumber = -1
    this.#complete = false
    if (!this.#exists) return
    const fd = openSync(this.path, 'r+')
    try {
      writeFullySync(fd, this.#header(), 0)
      fdatasyncSync(fd)
    } finally {
      closeSync(fd)
    }
    this.#headerCount = this.indexCount
  }

  /** Hands new entries to the operating system; the header, which makes them count, follows with {@link flush}. */
  async write(): Promise<void> {
    if (this.#written === this.indexCount) return
    const handle = await this.#open()
    try {
      await this.#writeEntries(handle, this.indexCount)
    } finally {
      await handle.close()
    }
  }

  /**
   * Makes the entries durable.
   * @param complete slots as well, so that the file is whole for whoever opens it. @default false
   */
  async flush(complete = false): Promise<void> {
    if (this.#complete || (this.isEmpty && !this.#exists) || (!complete && this.#headerCount === this.indexCount)) return
    const handle = await this.#open()
    try {
      // The header says how many entries count: it is written once they are durable.
      const header = this.#header()
      const count = this.indexCount
      const pages = complete ? this.#takeDirtyPages() : []
      await this.#writeEntries(handle, count)
      try {
        for (const page of pages) await writeFully(handle, page.bytes, page.position)
        await handle.datasync()
      } catch (error) {
        for (const page of pages) this.#markDirty(page.position, page.bytes.length)
        throw error
      }
      await writeFully(handle, header, 0)
      await handle.datasync()
      this.#headerCount = count
      if (complete && count === this.indexCount) {
        this.#complete = true
        // Whoever asks for a key of a full file reads it from there.
        if (this.isFull) this.#slots = undefined
      }
    } finally {
      await handle.close()
    }
  }

  #timeDiff(storeTimestamp: number): number {
    if (this.beginTimestamp <= 0) return 0
    return Math.min(Math.max(Math.trunc((storeTimestamp - this.beginTimestamp) / 1000), 0), 0x7fffffff)
  }

  #header(): Buffer {
    const header = Buffer.alloc(HEADER_SIZE)
    writeLong(header, 0, this.beginTimestamp)
    writeLong(header, 8, this.endTimestamp)
    writeLong(header, 16, this.beginPhyOffset)
    writeLong(header, 24, this.endPhyOffset)
    header.writeInt32BE(this.hashSlotCount, 32)
    header.writeInt32BE(this.indexCount, 36)
    return header
  }

  /** Ends with the entry before `count`. */
  #endAt(count: number, reader: Reader): void {
    this.indexCount = count
    this.#written = Math.min(this.#written, count)
    if (count <= 1) {
      this.beginPhyOffset = this.endPhyOffset = 0
      this.beginTimestamp = this.endTimestamp = 0
      return
    }
    const block = this.#block(count - 1, reader)
    const at = ((count - 1) % BLOCK_ENTRIES) * ENTRY_SIZE
    this.endPhyOffset = readLong(block, at + 4)
    // Whole seconds are all that an entry knows.
    this.endTimestamp = Math.min(this.endTimestamp, this.beginTimestamp + block.readInt32BE(at + 12) * 1000 + 999)
  }

  #position(index: number): number {
    return HEADER_SIZE + this.#sizes.hashSlotNum * SLOT_SIZE + index * ENTRY_SIZE
  }

  /** The block that holds an entry. */
  #block(index: number, reader: Reader): Buffer {
    const number = Math.floor(index / BLOCK_ENTRIES)
    const held = this.#blocks.get(number) ?? this.#readBlocks.get(number)
    if (held !== undefined) return held
    const block = Buffer.alloc(BLOCK_SIZE)
    reader.fill(block, this.#position(number * BLOCK_ENTRIES))
    this.#readBlocks.set(number, block)
    if (this.#readBlocks.size > READ_BLOCKS) {
      for (const oldest of this.#readBlocks.keys()) {
        this.#readBlocks.delete(oldest)
        break
      }
    }
    return block
  }

  #openBlock(number: number): void {
    let block = this.#blocks.get(number)
    if (block === undefined) {
      block = Buffer.alloc(BLOCK_SIZE)
      if (this.#exists && this.#written > Math.max(number * BLOCK_ENTRIES, 1)) {
        const reader = new Reader(this.path)
        try {
          this.#block(number * BLOCK_ENTRIES, reader).copy(block)
        } finally {
          reader.close()
        }
      }
      this.#readBlocks.delete(number)
      this.#blocks.set(number, block)
    }
    this.#tail = block
    this.#tailNumber = number
  }

  async #writeEntries(handle: FileHandle, count: number): Promise<void> {
    while (this.#written < count) {
      const from = this.#written
      const number = Math.floor(from / BLOCK_ENTRIES)
      const to = Math.min(count, (number + 1) * BLOCK_ENTRIES)
      const first = number * BLOCK_ENTRIES
      const bytes = this.#blocks.get(number)!.subarray((from - first) * ENTRY_SIZE, (to - first) * ENTRY_SIZE)
      await writeFully(handle, bytes, this.#position(from))
      this.#written = to
      if (to === first + BLOCK_ENTRIES || this.isFull) this.#letGo(number)
    }
  }

  /** Everything of the block is in the file. */
  #letGo(number: number): void {
    if (this.#written < Math.min((number + 1) * BLOCK_ENTRIES, this.indexCount)) return
    this.#blocks.delete(number)
    if (this.#tailNumber === number) this.#tailNumber = -1
  }

  async #open(): Promise<FileHandle> {
    if (this.#exists) return open(this.path, 'r+')
    const folder = path.dirname(this.path)
    const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    await (await open(this.path, 'a+', FILE_MODE)).close()
    const handle = await open(this.path, 'r+')
    try {
      await handle.truncate(indexFileSize(this.#sizes))
      await syncFolder(folder)
      if (made !== undefined) await syncFolder(path.dirname(made))
    } catch (error) {
      await handle.close()
      throw error
    }
    this.#exists = true
    return handle
  }

  /** Copies of all pages of slots that differ from the file, runs of them together: what is put meanwhile is not part of them. */
  #takeDirtyPages(): Array<{ position: number; bytes: Buffer }> {
    const slots = this.#slots
    const runs: Array<{ position: number; bytes: Buffer }> = []
    if (slots === undefined) return runs
    for (let page = 0; page < this.#dirtyPages.length; page++) {
      if (this.#dirtyPages[page] === 0) continue
      const first = page
      while (page < this.#dirtyPages.length && this.#dirtyPages[page] === 1 && (page - first) * PAGE_SIZE < MAX_WRITE) {
        this.#dirtyPages[page++] = 0
      }
      const run = slots.slice(first * PAGE_SLOTS, page * PAGE_SLOTS)
      runs.push({ position: HEADER_SIZE + first * PAGE_SIZE, bytes: bigEndian(run) })
      page--
    }
    return runs
  }

  #markDirty(position: number, length: number): void {
    const first = (position - HEADER_SIZE) / PAGE_SIZE
    this.#dirtyPages.fill(1, first, first + Math.ceil(length / PAGE_SIZE))
  }

  /**
   * Reads the slots, or, when `compare` is set, finds the pages in which the file differs from them. Between two pieces the event loop
   * turns.
   */
  async #readSlots(slots: Int32Array, reader: Reader, compare: boolean): Promise<void> {
    const piece = Buffer.alloc(PIECE_SLOTS * SLOT_SIZE)
    for (let first = 0; first < slots.length; first += PIECE_SLOTS) {
      if (compare) this.#comparePiece(slots, first, reader, piece)
      else readPiece(slots, first, reader, piece)
      await turn()
    }
  }

  #slotsNow(reader: Reader): Int32Array {
    const slots = new Int32Array(this.#sizes.hashSlotNum)
    const piece = Buffer.alloc(PIECE_SLOTS * SLOT_SIZE)
    for (let first = 0; first < slots.length; first += PIECE_SLOTS) readPiece(slots, first, reader, piece)
    return slots
  }

  #comparePiece(slots: Int32Array, first: number, reader: Reader, piece: Buffer): void {
    const wanted = bigEndian(slots.slice(first, first + PIECE_SLOTS))
    const bytes = piece.subarray(0, wanted.length)
    reader.fill(bytes, HEADER_SIZE + first * SLOT_SIZE)
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      if (bytes.subarray(at, at + PAGE_SIZE).equals(wanted.subarray(at, at + PAGE_SIZE))) continue
      this.#dirtyPages[(first + at / SLOT_SIZE) / PAGE_SLOTS] = 1
      this.#complete = false
    }
  }

  /** Slots from entries, as far as the entries are whole: each points at or behind the record of the one before. */
  async #rebuild(slots: Int32Array, reader: Reader): Promise<void> {
    let last = 0
    let slotCount = 0
    for (let index = 1; index < this.indexCount; index++) {
      if (index % BLOCK_ENTRIES === 0) await turn()
      const block = this.#block(index, reader)
      const at = (index % BLOCK_ENTRIES) * ENTRY_SIZE
      const hash = block.readInt32BE(at)
      const physicalOffset = readLong(block, at + 4)
      const previous = block.readInt32BE(at + 16)
      const empty = index > 1 && hash === 0 && physicalOffset === 0 && previous === 0
      const slot = hash % this.#sizes.hashSlotNum
      if (empty || hash < 0 || physicalOffset < last || physicalOffset > this.endPhyOffset || previous !== slots[slot]) {
        this.#endAt(index, reader)
        this.#complete = false
        break
      }
      if (previous === 0) slotCount++
      slots[slot] = index
      last = physicalOffset
    }
    this.hashSlotCount = slotCount
  }
}

/** A file that is opened when something is read from it. */
class Reader {
  readonly #path: string
  #fd: number | undefined

  constructor(file: string) {
    this.#path = file
  }

  /** What lies behind the file's end reads as zeros. */
  fill(target: Buffer, position: number): void {
    this.#fd ??= openSync(this.#path, 'r')
    const count = readFullySync(this.#fd, target, position)
    target.fill(0, count)
  }

  int(position: number): number {
    const bytes = Buffer.alloc(4)
    this.fill(bytes, position)
    return bytes.readInt32BE(0)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** What was never written is not touched, so that it takes no memory. */
function readPiece(slots: Int32Array, first: number, reader: Reader, piece: Buffer): void {
  const count = Math.min(PIECE_SLOTS, slots.length - first)
  const bytes = piece.subarray(0, count * SLOT_SIZE)
  reader.fill(bytes, HEADER_SIZE + first * SLOT_SIZE)
  if (bytes.equals(NO_SLOTS.subarray(0, bytes.length))) return
  for (let i = 0; i < count; i++) slots[first + i] = bytes.readInt32BE(i * SLOT_SIZE)
}

function bigEndian(numbers: Int32Array): Buffer {
  const bytes = Buffer.alloc(numbers.length * SLOT_SIZE)
  for (let i = 0; i < numbers.length; i++) bytes.writeInt32BE(numbers[i]!, i * SLOT_SIZE)
  return bytes
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function readLong(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

function writeLong(target: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  target.writeInt32BE(high, at)
  target.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}
