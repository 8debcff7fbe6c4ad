import { describe, expect, it } from 'vitest'
import { guardedLogger } from '../../../src/internal/guarded-logger.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { logText, silentLogger } from '../../../src/internal/logger.ts'
import { LinesLogger } from '../../support/remoting.ts'

function start(): { lines: string[]; clock: HeldClock; logger: ReturnType<typeof guardedLogger> } {
  const inner = new LinesLogger()
  const clock = new HeldClock()
  return { lines: inner.lines, clock, logger: guardedLogger(inner, clock) }
}

describe('the logger that everything writes to', () => {
  it('security-X13 escapes what would make lines, colours or turns of text, and cuts what is long', () => {
    const { lines, logger } = start()
    const evil = 'a\r\nERROR forged \u001b[31mred\u009b2J \u2028line\u202eturned\u0000\u007f'
    for (const line of [evil, logText(evil)]) {
      logger.warn(`topic ${line}`)
      const [last = ''] = lines.slice(-1)
      expect(last).toMatch(/^warn topic a(\\r\\n|\\u000d\\u000a)ERROR forged /)
      expect([...last].filter((character) => !/[\x20-\x7e]/.test(character))).toEqual([])
    }
    logger.error('x'.repeat(1024 * 1024))
    expect(lines.at(-1)?.length).toBeLessThan(5000)
    expect(logText('y'.repeat(1024 * 1024)).length).toBeLessThan(300)
  })

  it('security-X13 lets ten lines of a kind through in a second, and says how many it left out', async () => {
    const { lines, clock, logger } = start()
    for (let i = 0; i < 1000; i++) logger.warn(`request ${i} from 10.0.0.${i % 256}:${i} failed`)
    logger.warn('something else happened')
    logger.error('request 7 from 10.0.0.1:1 failed')
    expect(lines).toHaveLength(12)
    await clock.advance(1000)
    logger.warn('request 1 from 10.0.0.1:1 failed')
    expect(lines.slice(12)).toEqual(['warn 990 lines like the next one were left out', 'warn request 1 from 10.0.0.1:1 failed'])
    await clock.advance(60_000)
    logger.warn('request 2 from 10.0.0.1:1 failed')
    expect(lines).toHaveLength(15)
  })

  it('security-X13 remembers no more kinds than it has room for', () => {
    const { lines, logger } = start()
    for (let i = 0; i < 10_000; i++) logger.info(`${String.fromCharCode(97 + (i % 26), 97 + ((i / 26) % 26), 97 + i / 676)} name`)
    expect(lines).toHaveLength(10_000)
  })

  it('process-R4 a logger that throws breaks nothing; a silent one costs nothing', () => {
    const bad = (): void => {
      throw new Error('the logger is broken')
    }
    const logger = guardedLogger({ debug: bad, info: bad, warn: bad, error: bad }, new HeldClock())
    for (const level of ['debug', 'info', 'warn', 'error'] as const) expect(() => logger[level]('x')).not.toThrow()
    expect(guardedLogger(silentLogger, new HeldClock())).toBe(silentLogger)
  })
})
