import type { FrameStore } from '../protocol/outgoing-frame.ts'

/** Size of a pooled chunk, bytes. */
export const CHUNK_SIZE = 256 * 1024

/** Chunks kept for reuse per process: 4 MiB. */
const KEPT = 16

const free: Chunk[] = []

/**
 * A piece of outgoing memory. It is reused once its writer has closed it and everybody who retained it has released it: segments that
 * wait for the socket, and requests whose body may be needed again.
 */
export class Chunk implements FrameStore {
  readonly buffer: Buffer
  #retained = 0
  #open = true
  #pooled = false

  private constructor(size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size)
  }

  /** An open chunk with room for at least `size` bytes. */
  static take(size: number): Chunk {
    const chunk = size > CHUNK_SIZE ? new Chunk(size) : (free.pop() ?? new Chunk(CHUNK_SIZE))
    chunk.#open = true
    chunk.#pooled = false
    return chunk
  }

  /** Whether somebody besides its writer needs it. */
  get retained(): boolean {
    return this.#retained > 0
  }

  retain(): void {
    this.#retained++
  }

  release(): void {
    this.#retained--
    this.#giveBack()
  }

  /** Nothing more is written into it. */
  close(): void {
    this.#open = false
    this.#giveBack()
  }

  #giveBack(): void {
    if (this.#retained > 0 || this.#open || this.#pooled) return
    if (this.buffer.length !== CHUNK_SIZE || free.length >= KEPT) return
    this.#pooled = true
    free.push(this)
  }
}
