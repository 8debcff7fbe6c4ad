/** Size of a pooled chunk, bytes. */
export const CHUNK_SIZE = 128 * 1024

/** Chunks kept for reuse per process: 4 MiB. */
const KEPT = 32

/** A piece of outgoing memory and how many segments of it still wait for the socket. */
export interface Chunk {
  readonly buffer: Buffer
  pins: number
}

const free: Chunk[] = []

/** A chunk with room for at least `size` bytes. */
export function takeChunk(size: number): Chunk {
  if (size > CHUNK_SIZE) return { buffer: Buffer.allocUnsafeSlow(size), pins: 0 }
  return free.pop() ?? { buffer: Buffer.allocUnsafeSlow(CHUNK_SIZE), pins: 0 }
}

/** Gives a chunk back; only after the socket has called back for everything in it. */
export function giveChunk(chunk: Chunk): void {
  if (chunk.buffer.length === CHUNK_SIZE && free.length < KEPT) free.push(chunk)
}
