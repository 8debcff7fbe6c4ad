import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RemotingCommandException, RocketMQError } from '../../src/internal/errors.ts'
import { decodeBatch } from '../../src/protocol/batch-codec.ts'
import { CLIENT_LIMITS, type FrameLimits, FrameReader, SERVER_LIMITS } from '../../src/protocol/frame-reader.ts'
import { LanguageCode, languageName } from '../../src/protocol/language-code.ts'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand, SerializeType } from '../../src/protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader } from '../../src/protocol/send-message-header.ts'
import { below, EDGES, fitted, mutatedBytes, pick } from '../support/mutated-bytes.ts'
import { seededRandom } from '../support/random.ts'
import { recordedFrames } from '../support/recorded-frames.ts'

/** Frames per seed and side; with two sides and the seeds below 200,000 in all. `FUZZ_FRAMES` raises it. */
const FRAMES = Number(process.env.FUZZ_FRAMES ?? 25_000)
const SEEDS = [1, 20_260_101, 0x5eed, 4_294_967_291]

/** A recorded frame of which anything is changed; a few keep their structure. */
function mutate(frames: readonly Buffer[], random: () => number): Buffer {
  const bytes = mutatedBytes(pick(random, frames), frames, random)
  switch (below(random, 5)) {
    case 0:
      return fitted(bytes)
    case 1:
      if (bytes.length > 1) bytes.writeUInt16BE(pick(random, EDGES) & 0xffff, below(random, bytes.length - 1))
      return bytes
    default:
      return bytes
  }
}

/** What a peer would do with the frame; throws only what is not allowed. */
function consume(command: RemotingCommand): void {
  void command.extFields
  const { body } = command
  attempt(() => {
    if (SEND_CODES.has(command.code)) decodeSendMessageRequestHeader(command)
  })
  attempt(() => {
    if (body !== undefined && command.code === 320) decodeBatch(body)
  })
  attempt(() => {
    if (body !== undefined && command.isResponse && body[0] === 0) decodeMessages(body)
  })
}

const SEND_CODES = new Set([10, 310, 320, 324, 325])

function attempt(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof RocketMQError)) throw error
  }
}

function describeCommand(command: RemotingCommand): string {
  const { code, opaque, flag, version, language, remark, extFields, body } = command
  return JSON.stringify([
    code,
    opaque,
    flag,
    version,
    language,
    remark,
    Object.entries(extFields).sort(),
    body?.toString('latin1')
  ])
}

/** Accepted, with what it decoded to, or refused with a typed error. */
function feed(limits: FrameLimits, bytes: Buffer): { accepted: RemotingCommand[]; slow: number } {
  const accepted: RemotingCommand[] = []
  const started = performance.now()
  const reader = new FrameReader(limits, (chunk, start, end) => {
    const command = RemotingCommand.decode(chunk, start, end)
    consume(command)
    accepted.push(command)
  })
  try {
    reader.push(bytes)
  } catch (error) {
    if (!(error instanceof RemotingCommandException)) throw error
  }
  return { accepted, slow: performance.now() - started }
}

const sides = [
  { side: 'requests a server reads', dir: 'c2s', limits: SERVER_LIMITS },
  { side: 'answers a client reads', dir: 's2c', limits: CLIENT_LIMITS }
] as const

describe('mutated frames', () => {
  // Nearly every frame ends in an error, and nobody looks at where it came from.
  const { stackTraceLimit } = Error
  beforeAll(() => {
    Error.stackTraceLimit = 0
  })
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit
  })

  for (const { side, dir, limits } of sides) {
    const frames = recordedFrames(dir)
    it.each(SEEDS)(
      `wire-W6 ${side}: typed errors only, no hang, no growth; what is accepted round-trips (seed %i)`,
      { timeout: 60_000 },
      (seed) => {
        const random = seededRandom(seed)
        global.gc?.()
        const before = process.memoryUsage().heapUsed
        let taken = 0
        const slow: number[] = []
        for (let i = 0; i < FRAMES; i++) {
          const bytes = mutate(frames, random)
          const result = feed(limits, bytes)
          // A busy machine may stop the clock of one frame; a hang would show again.
          if (result.slow > 50 && feed(limits, bytes).slow > 50) slow.push(i)
          for (const command of result.accepted) {
            taken++
            if (taken % 8 !== 0) continue
            const again = frameToBuffer(command)
            const decoded = RemotingCommand.decode(again, 0, again.length)
            const [left, right] = [describeCommand(decoded), describeCommand(normalized(command))]
            if (left !== right) expect(left, `seed ${seed} frame ${i}`).toBe(right)
          }
        }
        expect(slow, `seed ${seed}`).toEqual([])
        expect(taken).toBeGreaterThan(FRAMES / 20)
        global.gc?.()
        expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024)
      }
    )
  }
})

/** What the serializations cannot carry: an unknown language in JSON, which then reads as Java's, and more than 16 bits in binary. */
function normalized(command: RemotingCommand): RemotingCommand {
  const copy = RemotingCommand.request(command.code, undefined, command.body, command.serializeType)
  copy.version = command.version
  copy.opaque = command.opaque
  copy.flag = command.flag
  copy.remark = command.remark === '' && command.serializeType === SerializeType.ROCKETMQ ? undefined : command.remark
  const unknown = languageName(command.language) === undefined
  copy.language = command.serializeType === SerializeType.JSON && unknown ? LanguageCode.JAVA : command.language
  copy.extFields = command.extFields
  return copy
}
