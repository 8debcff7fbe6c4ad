/** Attribute names of 5.x topics and the values each may have. */
const ATTRIBUTES: ReadonlyMap<string, readonly string[] | undefined> = new Map([
  ['message.type', ['UNSPECIFIED', 'NORMAL', 'FIFO', 'DELAY', 'TRANSACTION', 'MIXED']],
  ['queue.type', ['SimpleCQ']],
  ['cleanup.policy', ['DELETE']],
  ['reserve.time', undefined]
])

/**
 * `+key=value,-key`; a removal of something a new topic does not have is passed over.
 * @returns the attributes, or what is wrong.
 */
export function parseTopicAttributes(text: string): Map<string, string> | string {
  const attributes = new Map<string, string>()
  for (const part of text.split(',')) {
    const change = part.trim()
    if (change === '') continue
    const removal = change.startsWith('-')
    const [name, value, rest] = change.replace(/^[+-]/, '').split('=') as [string, string?, string?]
    if (!ATTRIBUTES.has(name)) return `unsupported key: ${name.slice(0, 64)}`
    if (removal) {
      attributes.delete(name)
      continue
    }
    if (!change.startsWith('+') || value === undefined || rest !== undefined) return `kv string is not valid: ${name}`
    const allowed = ATTRIBUTES.get(name)
    if (allowed === undefined ? !/^-?\d{1,15}$/.test(value) : !allowed.includes(value)) {
      return `value of ${name} is not served: allowed are ${allowed?.join(', ') ?? 'whole numbers'}`
    }
    attributes.set(name, value)
  }
  return attributes
}
