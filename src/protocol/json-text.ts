// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON text has to escape
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/

/** `text` as a JSON string; lone surrogates are escaped. */
export function quoteJson(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`
}
