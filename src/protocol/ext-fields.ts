/** Header fields as they travel: everything is text. Nothing is inherited, so any name is only data. */
export type ExtFields = Record<string, string>

/**
 * Its objects inherit from an empty object without a prototype. `Object.create(null)` would do, but those are hash tables from the start
 * and several times slower to fill.
 */
const Fields = function ExtFields() {} as unknown as new () => ExtFields
Fields.prototype = Object.create(null)

/** A map for header fields that no outside name can damage. */
export function emptyExtFields(): ExtFields {
  return new Fields()
}
