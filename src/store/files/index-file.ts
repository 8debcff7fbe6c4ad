import path from 'node:path'
import { nextTurn } from '../../internal/turns.ts'
import { type FileLayer, openOrCreate, syncData, withFileNow } from './file-layer.ts'
import { FileReader, readLong, writeLong } from './file-ops.ts'
import { IndexSlots, SLOT_SIZE } from './index-slots.ts'

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
const ENTRY_SIZE = 20
/** Entries that are held, written and read together: 60 KiB. */
const BLOCK_ENTRIES = 3072
const BLOCK_SIZE = BLOCK_ENTRIES * ENTRY_SIZE
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
  readonly #files: FileLayer
  readonly #sizes: IndexFileSizes
  beginTimestamp = 0
  endTimestamp = 0
  beginPhyOffset = 0
  endPhyOffset = 0
  hashSlotCount = 0
  /** The next entry; 1 in an empty file. */
  indexCount = 1
  /** Held while the file takes keys. */
  #slots: IndexSlots | undefined
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
  constructor(files: FileLayer, file: string, sizes: IndexFileSizes, exists = false) {
    this.#files = files
    this.path = file
    this.#sizes = sizes
    this.#exists = exists
    this.#complete = exists
    if (!exists) this.#slots = new IndexSlots(sizes.hashSlotNum)
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
    const previous = slots.get(slot)
    const number = Math.floor(index / BLOCK_ENTRIES)
    if (number !== this.#tailNumber) this.#openBlock(number)
    const at = (index % BLOCK_ENTRIES) * ENTRY_SIZE
    const tail = this.#tail
    tail.writeInt32BE(hash, at)
    writeLong(tail, at + 4, physicalOffset)
    tail.writeInt32BE(this.#timeDiff(storeTimestamp), at + 12)
    tail.writeInt32BE(previous, at + 16)
    slots.set(slot, index)
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
    const reader = new FileReader(this.#files, this.path)
    try {
      const slot = hash % this.#sizes.hashSlotNum
      let index = this.#slots === undefined ? reader.int(HEADER_SIZE + slot * SLOT_SIZE) : this.#slots.get(slot)
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
    const reader = new FileReader(this.#files, this.path)
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
   * @returns whether entries were dropped, or the header knew of records that have none
   */
  async openForPut(clean: boolean): Promise<{ cut: boolean }> {
    const { indexCount, endPhyOffset } = this
    const slots = new IndexSlots(this.#sizes.hashSlotNum)
    const reader = new FileReader(this.#files, this.path)
    try {
      if (!clean) await this.#rebuild(slots, reader)
      const pieces = clean ? slots.read(reader, HEADER_SIZE) : slots.compare(reader, HEADER_SIZE)
      for (const _ of pieces) await turn()
      if (!clean) this.#complete = false
    } finally {
      reader.close()
    }
    this.#slots = slots
    return { cut: this.indexCount < indexCount || this.endPhyOffset < endPhyOffset }
  }

  /** Forgets the entries of records at or behind `physicalOffset`, durably; the file has to be open for puts. */
  truncate(physicalOffset: number): void {
    const reader = new FileReader(this.#files, this.path)
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
      if (this.#slots === undefined) {
        this.#slots = new IndexSlots(this.#sizes.hashSlotNum)
        for (const _ of this.#slots.read(reader, HEADER_SIZE));
      }
      for (let index = this.indexCount - 1; index >= low; index--) {
        const block = this.#block(index, reader)
        const at = (index % BLOCK_ENTRIES) * ENTRY_SIZE
        this.#slots.set(block.readInt32BE(at) % this.#sizes.hashSlotNum, block.readInt32BE(at + 16))
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
    withFileNow(this.#files, this.path, 'write', (fd) => {
      this.#files.writeNow(fd, this.#header(), 0)
      this.#files.fdatasyncNow(fd)
    })
    this.#headerCount = this.indexCount
  }

  /** Hands new entries to the operating system; the header, which makes them count, follows with {@link flush}. */
  async write(): Promise<void> {
    if (this.#written === this.indexCount) return
    const fd = await this.#open()
    try {
      await this.#writeEntries(fd, this.indexCount)
    } finally {
      await this.#files.close(fd)
    }
  }

  /**
   * Makes the entries durable.
   * @param complete slots as well, so that the file is whole for whoever opens it. @default false
   */
  async flush(complete = false): Promise<void> {
    if (this.#complete || (this.isEmpty && !this.#exists) || (!complete && this.#headerCount === this.indexCount)) return
    const files = this.#files
    const fd = await this.#open()
    try {
      // The header says how many entries count: it is written once they are durable.
      const header = this.#header()
      const count = this.indexCount
      const runs = complete ? (this.#slots?.takeDirty() ?? []) : []
      await this.#writeEntries(fd, count)
      try {
        for (const run of runs) await files.write(fd, run.bytes, HEADER_SIZE + run.position)
        await syncData(files, fd)
      } catch (error) {
        for (const run of runs) this.#slots?.giveBack(run)
        throw error
      }
      await files.write(fd, header, 0)
      await syncData(files, fd)
      this.#headerCount = count
      if (complete && count === this.indexCount) {
        this.#complete = true
        // Whoever asks for a key of a full file reads it from there.
        if (this.isFull) this.#slots = undefined
      }
    } finally {
      await files.close(fd)
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
  #endAt(count: number, reader: FileReader): void {
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
  #block(index: number, reader: FileReader): Buffer {
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
        const reader = new FileReader(this.#files, this.path)
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

  async #writeEntries(fd: number, count: number): Promise<void> {
    while (this.#written < count) {
      const from = this.#written
      const number = Math.floor(from / BLOCK_ENTRIES)
      const to = Math.min(count, (number + 1) * BLOCK_ENTRIES)
      const first = number * BLOCK_ENTRIES
      const bytes = this.#blocks.get(number)!.subarray((from - first) * ENTRY_SIZE, (to - first) * ENTRY_SIZE)
      await this.#files.write(fd, bytes, this.#position(from))
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

  async #open(): Promise<number> {
    const files = this.#files
    if (this.#exists) return files.open(this.path, 'write')
    const folder = path.dirname(this.path)
    const made = (await files.lstat(folder)) === undefined
    if (made) await files.mkdir(folder)
    const fd = await openOrCreate(files, this.path)
    try {
      // With its size, durably, before a name behind it can be.
      await files.truncate(fd, indexFileSize(this.#sizes))
      await syncData(files, fd)
      await files.syncDirectory(folder)
      if (made) await files.syncDirectory(path.dirname(folder))
    } catch (error) {
      await files.close(fd)
      throw error
    }
    this.#exists = true
    return fd
  }

  /** Slots from entries, as far as the entries are whole: each points at or behind the record of the one before. */
  async #rebuild(slots: IndexSlots, reader: FileReader): Promise<void> {
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
      if (empty || hash < 0 || physicalOffset < last || physicalOffset > this.endPhyOffset || previous !== slots.get(slot)) {
        this.#endAt(index, reader)
        break
      }
      if (previous === 0) slotCount++
      slots.set(slot, index)
      last = physicalOffset
    }
    this.hashSlotCount = slotCount
    // A header that was torn has the new end with the old count: records up to that end would be taken to have their entries.
    if (this.indexCount > 1 && this.endPhyOffset !== last) this.#endAt(this.indexCount, reader)
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve))
}
