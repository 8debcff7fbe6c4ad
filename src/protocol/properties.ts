/** Message properties in insertion order; names and values are text. */
export type Properties = Map<string, string>

/** Between a name and its value, and behind a value. Neither can be escaped. */
export const NAME_VALUE_SEPARATOR = '\u0001'
export const PROPERTY_SEPARATOR = '\u0002'

/**
 * ```
 * properties := (name U+0001 value U+0002)*
 * ```
 */
export function encodeProperties(properties: Properties): string {
  let text = ''
  for (const [name, value] of properties) text += `${name}\u0001${value}\u0002`
  return text
}

/**
 * Reads as Java 5.3 does: the last separator may be missing, entries without a name, a value or a separator are skipped, and the last
 * of several entries with one name wins.
 */
export function decodeProperties(text: string): Properties {
  const properties: Properties = new Map()
  let at = 0
  let split = -1
  while (at < text.length) {
    let end = text.indexOf(PROPERTY_SEPARATOR, at)
    if (end < 0) end = text.length
    // Searched again only when passed: a text of many entries without names must not cost its length squared.
    if (split < at) split = text.indexOf(NAME_VALUE_SEPARATOR, at)
    if (split < 0) break
    if (split > at && split < end - 1) properties.set(text.slice(at, split), text.slice(split + 1, end))
    at = end + 1
  }
  return properties
}
