import { MessageConst } from '../../protocol/message-const.ts'
import { encodeProperties, NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, type Properties } from '../../protocol/properties.ts'

/**
 * The properties of a message on its way into the store, as text and as map.
 *
 * Java decodes the header's text, changes the map and encodes it again; here the text stays as it came while nothing in it has to change,
 * and additions are put behind it. The stored text is Java's up to the order of its entries.
 */
export class StoredProperties {
  readonly map: Properties = new Map()
  #text: string
  #stale = false
  #behind = ''

  /** Reads a header's properties; entries that Java's parser would drop, and earlier duplicates, are dropped. */
  constructor(text: string) {
    let entries = 0
    let clean = true
    let at = 0
    let split = -1
    const length = text.length
    while (at < length) {
      let end = text.indexOf(PROPERTY_SEPARATOR, at)
      if (end < 0) end = length
      // Searched again only when passed: a text of many entries without names must not cost its length squared.
      if (split < at) split = text.indexOf(NAME_VALUE_SEPARATOR, at)
      if (split > at && split < end - 1) {
        this.map.set(text.slice(at, split), text.slice(split + 1, end))
        entries++
      } else {
        clean = false
        if (split < 0) break
      }
      at = end + 1
    }
    this.#stale = !clean || entries !== this.map.size
    this.#text = at === length || length === 0 ? text : text + PROPERTY_SEPARATOR
  }

  get(name: string): string | undefined {
    return this.map.get(name)
  }

  set(name: string, value: string): void {
    if (this.map.has(name)) this.#stale = true
    else if (!this.#stale) this.#text += name + NAME_VALUE_SEPARATOR + value + PROPERTY_SEPARATOR
    this.map.set(name, value)
  }

  delete(name: string): void {
    if (this.map.delete(name)) this.#stale = true
  }

  /**
   * Puts entries behind all others, in place of any with their names. They are part of the text only: nobody asks the map for them.
   * @param encoded the entries as text, so that the common case is one concatenation.
   */
  setBehind(names: readonly string[], encoded: string): void {
    for (const name of names) this.delete(name)
    this.#behind = encoded
  }

  get text(): string {
    if (this.#stale) {
      this.#text = encodeProperties(this.map)
      this.#stale = false
    }
    return this.#text + this.#behind
  }
}

/** What the broker adds to every message. */
export class BrokerProperties {
  readonly #names: readonly string[]
  readonly #encoded: string

  constructor(regionId: string, traceOn: boolean, clusterName: string) {
    const entries: Properties = new Map([
      [MessageConst.MSG_REGION, regionId],
      [MessageConst.TRACE_ON, String(traceOn)],
      [MessageConst.CLUSTER, clusterName]
    ])
    this.#names = [...entries.keys()]
    this.#encoded = encodeProperties(entries)
  }

  /** The header's properties with the broker's own; POP_CK belongs to the broker and is dropped. */
  rebuild(headerText: string): StoredProperties {
    const properties = new StoredProperties(headerText)
    properties.delete(MessageConst.POP_CK)
    properties.setBehind(this.#names, this.#encoded)
    return properties
  }
}
