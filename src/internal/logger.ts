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

/** A logger that throws must break nothing. */
export function harmlessLogger(logger: Logger): Logger {
  const guard = (level: keyof Logger) => (message: string) => {
    try {
      logger[level](message)
    } catch {
      // There is nobody left to tell.
    }
  }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}

/** One line, control characters escaped, at most 256 characters: text from outside may not forge log lines. */
export function logText(value: unknown): string {
  const text = typeof value === 'string' ? value : String((value as Error | undefined)?.message ?? value)
  const line = JSON.stringify(text.length > 256 ? `${text.slice(0, 256)}...` : text)
  return line.slice(1, -1)
}
