/** Bytes of one slab. A body that is still needed keeps its slab alive, so a slab is small beside what may be under way. */
const SLAB_BYTES = 128 * 1024
/** Larger bodies get memory of their own. */
const LARGEST_SHARED = 16 * 1024

/**
 * Copies bodies. Small ones are cut from a slab: a view costs a fraction of what an allocation costs. Never reused, only left to the
 * garbage collector, so a copy stays what it was for as long as somebody holds it.
 */
export class BodySlab {
  #slab: Buffer = Buffer.alloc(0)
  #used = 0

  copy(bytes: Uint8Array): Buffer {
    const length = bytes.length
    if (length > LARGEST_SHARED) {
      const own = Buffer.allocUnsafeSlow(length)
      own.set(bytes)
      return own
    }
    if (length > this.#slab.length - this.#used) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#used = 0
    }
    const start = this.#used
    this.#slab.set(bytes, start)
    this.#used = start + length
    return this.#slab.subarray(start, start + length)
  }
}
