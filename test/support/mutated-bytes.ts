export type Random = () => number

export const below = (random: Random, limit: number): number => Math.floor(random() * limit)
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T

/** Words at which something ends. */
export const EDGES = [0, 1, -1, 2, 4, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, 0x01000000, 0x00ffffff]

/** Bits, bytes, words at the edges, pieces cut, doubled, or taken from another one. */
export function mutatedBytes(original: Buffer, others: readonly Buffer[], random: Random): Buffer {
  let bytes = Buffer.from(original)
  for (let times = 1 + below(random, 3); times > 0; times--) {
    const at = below(random, bytes.length)
    const edge = pick(random, EDGES)
    switch (below(random, 7)) {
      case 0:
      case 1:
        bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8))
        break
      case 2:
        bytes[at] = below(random, 256)
        break
      case 3:
        if (at + 4 <= bytes.length) bytes.writeInt32BE(edge, at)
        break
      case 4:
        bytes = bytes.subarray(0, at + 1)
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + 16), bytes.subarray(at)])
        break
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), pick(random, others).subarray(at)])
    }
    if (bytes.length === 0) bytes = Buffer.from(original)
  }
  return bytes
}

/** A frame whose two length words are made to fit what is there. */
export function fitted(bytes: Buffer): Buffer {
  if (bytes.length < 8) return bytes
  const header = Math.min(bytes.readUInt32BE(4) & 0xffffff, bytes.length - 8)
  bytes.writeInt32BE(bytes.length - 4, 0)
  bytes.writeUInt32BE((((bytes[4] as number) & 1) << 24) | header, 4)
  return bytes
}
