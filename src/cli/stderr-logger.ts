import type { Logger } from '../internal/logger.ts'

/** Errors and warnings only: the lines on stdout are what people look for. */
export const stderrLogger: Logger = {
  debug() {},
  info() {},
  warn: (message) => void process.stderr.write(`WARN ${message}\n`),
  error: (message) => void process.stderr.write(`ERROR ${message}\n`)
}
