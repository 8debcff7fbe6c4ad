interface Attribute {
  /** Whether a topic that exists may get another value. */
  readonly changeable: boolean
  /** What is wrong with a value; undefined when nothing is. */
  check(value: string): string | undefined
}

const LONG_MAX = 9_223_372_036_854_775_807n

/**
 * The attributes a 5.3.3 topic may have; Java's `TopicAttributes`, the values in the order in which its refusals name them.
 * `serves` are the values among Java's that this broker acts upon: it has no batch queues and does not compact.
 */
const ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map([
  ['queue.type', choice({ changeable: false, values: ['SimpleCQ', 'BatchCQ'], serves: ['SimpleCQ'] })],
  ['cleanup.policy', choice({ changeable: false, values: ['DELETE', 'COMPACTION'], serves: ['DELETE'] })],
  [
    'message.type',
    choice({ changeable: true, values: ['UNSPECIFIED', 'TRANSACTION', 'FIFO', 'MIXED', 'DELAY', 'NORMAL'], serves: undefined })
  ],
  ['reserve.time', { changeable: true, check: outsideLong }]
])

/**
 * What a topic's attributes are after a change; Java's `AttributeParser` and `AttributeUtil`, with their texts.
 * @param current undefined for a topic that is being created.
 * @param text `+key=value,-key`
 * @returns the attributes, or what is wrong with the change: then nothing of it applies.
 */
export function alterTopicAttributes(
  current: ReadonlyMap<string, string> | undefined,
  text: string
): Map<string, string> | string {
  const changes = parse(text)
  return typeof changes === 'string' ? changes : alterAttributes(ATTRIBUTES, current, changes)
}

/** The same for a group: 5.3.3 knows no attributes of groups, so that every change is refused, in Java's words. */
export function alterGroupAttributes(
  current: ReadonlyMap<string, string> | undefined,
  changes: ReadonlyMap<string, string>
): Map<string, string> | string {
  return alterAttributes(new Map(), current, changes)
}

function alterAttributes(
  known: ReadonlyMap<string, Attribute>,
  current: ReadonlyMap<string, string> | undefined,
  changes: ReadonlyMap<string, string>
): Map<string, string> | string {
  const altered = new Map(current)
  const seen = new Set<string>()
  for (const [signed, value] of changes) {
    const name = signed.slice(1)
    if (name === '' || /[+-]/.test(name)) return 'kv string format wrong.'
    if (seen.has(name)) return `alter duplication key. key: ${name}`
    seen.add(name)
    const adds = signed.startsWith('+')
    if (!adds) {
      if (current === undefined) return `only add attribute is supported while creating topic. key: ${name}`
      if (!current.has(name)) return `attempt to delete a nonexistent key: ${name}`
    }
    const attribute = known.get(name)
    if (attribute === undefined) return `unsupported key: ${name}`
    if (current !== undefined && !attribute.changeable) return `attempt to update an unchangeable attribute. key: ${name}`
    const wrong = adds ? attribute.check(value) : undefined
    if (wrong !== undefined) return wrong
    if (adds) altered.set(name, value)
    else altered.delete(name)
  }
  return altered
}

/** Signed names and their values; a text when something else stands there. Empty parts at the end are passed over, as `split` does. */
function parse(text: string): Map<string, string> | string {
  const changes = new Map<string, string>()
  // An expression for the commas at the end would take the square of their number.
  let end = text.length
  while (text[end - 1] === ',') end--
  if (end === 0) return changes
  for (const part of text.slice(0, end).split(',')) {
    const [name = '', value] = part.split('=')
    if (part.includes('=')) {
      if (value === undefined || value === '') return `value of ${name} is missing`
      if (!name.includes('+')) return `add/alter attribute format is wrong: ${name}`
    } else if (!name.includes('-')) {
      return `delete attribute format is wrong: ${name}`
    }
    if (changes.has(name)) return `key duplication: ${name}`
    changes.set(name, value ?? '')
  }
  return changes
}

function choice({
  changeable,
  values,
  serves = values
}: {
  changeable: boolean
  values: readonly string[]
  serves: readonly string[] | undefined
}): Attribute {
  return {
    changeable,
    check(value) {
      if (serves.includes(value)) return undefined
      if (values.includes(value)) return `${value} is not served: allowed are ${serves.join(', ')}`
      return `value is not in set: [${values.join(', ')}]`
    }
  }
}

function outsideLong(value: string): string | undefined {
  if (!/^[+-]?\d{1,19}$/.test(value)) return `For input string: "${value}"`
  const number = BigInt(value)
  return number < -1n || number > LONG_MAX ? `value is not in range(-1, ${LONG_MAX})` : undefined
}
