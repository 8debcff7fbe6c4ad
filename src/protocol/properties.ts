/** Message properties in insertion order; names and values are text. */
export type Properties = Map<string, string>
