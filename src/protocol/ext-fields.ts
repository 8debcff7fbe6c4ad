/** Header fields as they travel: everything is text. Has no prototype, so any name is only data. */
export type ExtFields = Record<string, string>

/** A map for header fields that no outside name can damage. */
export function emptyExtFields(): ExtFields {
  return Object.create(null)
}
