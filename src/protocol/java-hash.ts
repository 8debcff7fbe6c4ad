/** Java's `String.hashCode`: 32 bits, over UTF-16 code units. */
export function javaHashCode(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** The code a consume queue holds for a message's tag; 0 when there is none. */
export function tagsCodeOf(tags: string | undefined): number {
  return tags === undefined || tags === '' ? 0 : javaHashCode(tags)
}
