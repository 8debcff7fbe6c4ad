/** What JSON from outside may hold. */
export interface JsonLimits {
  /** Deepest nesting. */
  readonly depth: number
  /** Most values of all objects and arrays together, and most names: one value may lie in an object in an object. */
  readonly values: number
}

/**
 * Looks at JSON, in UTF-8, before anything is made of it: megabytes of brackets, or of names, take `JSON.parse` seconds in which nobody is
 * served. Says nothing of bytes that are no JSON.
 * @returns what there is more of than allowed; undefined when both is within the limits
 */
export function jsonExcess(bytes: Uint8Array, limits: JsonLimits): keyof JsonLimits | undefined {
  let depth = 0
  let names = 0
  let values = 1
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case 0x22: // "
        at++
        while (at < bytes.length && bytes[at] !== 0x22) at += bytes[at] === 0x5c ? 2 : 1
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > limits.depth) return 'depth'
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
        break
      case 0x3a: // :
        if (++names > limits.values) return 'values'
        break
      case 0x2c: // ,
        if (++values > limits.values) return 'values'
        break
    }
  }
  return undefined
}
