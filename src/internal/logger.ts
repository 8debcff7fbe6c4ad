/** What producer and broker log to; `console` and pino satisfy it as they are. */
export interface Logger {
  /** What only helps to find a defect. */
  debug(message: string): void
  /** What happened, and is in order. */
  info(message: string): void
  /** What went wrong, and was got over. */
  warn(message: string): void
  /** What should not have happened. */
  error(message: string): void
}

const nothing = (): void => {}

/** The default: says nothing. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** The text of whatever was thrown, an error's own; also of what cannot be made a text, as an object without prototype. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return String((value as Error | undefined)?.message ?? value)
  } catch {
    return 'something without a text'
  }
}

/** One line, control characters escaped, at most 256 characters: text from outside may not forge log lines. */
export function logText(value: unknown): string {
  const text = textOf(value)
  const line = JSON.stringify(text.length > 256 ? `${text.slice(0, 256)}...` : text)
  return escapeControls(line.slice(1, -1).replaceAll('\\"', '"'))
}

/** Control characters, line ends of every alphabet, and marks that turn the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
