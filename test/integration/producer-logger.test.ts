import { describe, expect, it } from 'vitest'
import type { Logger } from '../../src/internal/logger.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

/** One of pino's functions: an object and a text, or a text; it is lost without its logger as `this`. */
interface LogFn {
  (fields: object, text?: string, ...values: unknown[]): void
  (text: string, ...values: unknown[]): void
}

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** The shape of pino's logger: levels as functions of their own that read the logger's state through `this`. */
interface PinoShape extends Record<Level, LogFn> {
  level: string
  bindings(): object
  child(bindings: object): PinoShape
  readonly lines: string[]
}

function pinoShape(): PinoShape {
  const write = (level: Level) =>
    function (this: PinoShape, fields: object | string, text?: string): void {
      this.lines.push(`${level} ${typeof fields === 'string' ? fields : text}`)
    }
  const levels = Object.fromEntries(
    (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const).map((level) => [level, write(level)])
  ) as Record<Level, LogFn>
  return { ...levels, level: 'debug', bindings: () => ({}), child: () => pinoShape(), lines: [] }
}

describe('a logger of the application', () => {
  it('may be pino as it is', async () => {
    const cluster = await startCluster()
    const pino = pinoShape()
    const logger: Logger = pino
    const producer = await startProducer(cluster, { logger })
    producer.registerSendMessageHook({
      hookName: 'broken',
      sendMessageBefore() {
        throw new Error('a hook of the application')
      },
      sendMessageAfter() {}
    })
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    expect(pino.lines.some((line) => line.startsWith('info route of topic T found'))).toBe(true)
    expect(pino.lines).toContain('warn hook broken failed in sendMessageBefore: a hook of the application')
  })

  it('may throw whatever it is told', async () => {
    const cluster = await startCluster()
    const fail = (): never => {
      throw new Error('the disk is full')
    }
    const producer = await startProducer(cluster, { logger: { debug: fail, info: fail, warn: fail, error: fail } })
    const { sendStatus } = await producer.send(new Message({ topic: 'T', body: 'x' }))
    await producer.shutdown()
    expect(sendStatus).toBe('SEND_OK')
  })
})
