import { isPromise } from './async.ts'
import type { Clock } from './clock.ts'
import { escapeControls, type Logger, silentLogger } from './logger.ts'

/** Lines of one kind that are let through in a second. */
const LINES = 10
const WINDOW_MILLIS = 1000
/** Of a whole line. */
const LONGEST_LINE = 4096
/** Lines are of one kind when they begin alike, numbers aside. */
const KIND_LENGTH = 48
/** Kinds that are remembered; whoever can make up more may make up lines too, so that all begin anew then. */
const MOST_KINDS = 256

interface Kind {
  since: number
  count: number
}

/**
 * The application's logger as the rest of this package uses it: one that throws or rejects breaks nothing, text from outside neither forges lines nor
 * moves a terminal's cursor, and whoever makes the same thing go wrong again and again fills no disk.
 */
export function guardedLogger(logger: Logger, clock: Clock): Logger {
  if (logger === silentLogger) return logger
  const kinds = new Map<string, Kind>()
  const write = (level: keyof Logger, message: string): void => {
    try {
      const returned: unknown = logger[level](escapeControls(message.slice(0, LONGEST_LINE)))
      // A logger that writes over the network may well be asynchronous.
      if (isPromise(returned)) Promise.resolve(returned).catch(() => {})
    } catch {
      // There is nobody left to tell.
    }
  }
  const limited = (level: keyof Logger, message: string): void => {
    const name = level + message.slice(0, KIND_LENGTH).replace(/\d+/g, '#')
    const now = clock.monotonic()
    let kind = kinds.get(name)
    if (kind === undefined || now - kind.since >= WINDOW_MILLIS) {
      const leftOut = kind === undefined ? 0 : kind.count - LINES
      if (leftOut > 0) write(level, `${leftOut} lines like the next one were left out`)
      if (kind === undefined && kinds.size >= MOST_KINDS) kinds.clear()
      kind = { since: now, count: 0 }
      kinds.set(name, kind)
    }
    if (++kind.count <= LINES) write(level, message)
  }
  const at = (level: keyof Logger) => (message: string) => limited(level, message)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
