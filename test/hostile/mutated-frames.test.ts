import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RemotingCommandException, RocketMQError } from '../../src/internal/errors.ts'
import { decodeBatch } from '../../src/protocol/batch-codec.ts'
import { CLIENT_LIMITS, type FrameLimits, FrameReader, SERVER_LIMITS } from '../../src/protocol/frame-reader.ts'
import { LanguageCode, languageName } from '../../src/protocol/language-code.ts'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand, SerializeType } from '../../src/protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader } from '../../src/protocol/send-message-header.ts'
import { recordedFrames } from '../support/recorded-frames.ts'

/** Frames per seed and side; with two sides and the seeds below 200,000 in all. `FUZZ_FRAMES` raises it. */
const FRAMES = Number(process.env.FUZZ_FRAMES ?? 25_000)
const SEEDS = [1, 20_260_101, 0x5eed, 4_294_967_291]

/** A small generator with a seed: the same frames on every machine. */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
}

const EDGES = [0, 1, -1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, 0x01000000, 0x00ffffff]

/** Changes a copy of a recorded frame: bits, bytes, words at the edges, pieces cut, doubled or taken from another frame. */
function mutate(frames: readonly Buffer[], random: () => number): Buffer {
  const pick = (): Buffer => frames[Math.floor(random() * frames.length)] as Buffer
  let bytes = Buffer.from(pick())
  for (let times = 1 + Math.floor(random() * 3); times > 0; times--) {
    const at = Math.floor(random() * bytes.length)
    const edge = EDGES[Math.floor(random() * EDGES.length)] as number
    switch (Math.floor(random() * 8)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8))
        break
      case 1:
        bytes[at] = Math.floor(random() * 256)
        break
      case 2:
        if (at + 4 <= bytes.length) bytes.writeInt32BE(edge | 0, at)
        break
      case 3:
        if (at + 2 <= bytes.length) bytes.writeUInt16BE(edge & 0xffff, at)
        break
      case 4:
        bytes = bytes.subarray(0, at + 1)
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + 16), bytes.subarray(at)])
        break
      case 6:
        bytes = Buffer.concat([bytes.subarray(0, at), pick().subarray(at)])
        break
      default: {
        // Structure kept: the two length words made to fit what is there.
        if (bytes.length < 8) break
        const header = Math.min(bytes.readUInt32BE(4) & 0xffffff, bytes.length - 8)
        bytes.writeInt32BE(bytes.length - 4, 0)
        bytes.writeUInt32BE((((bytes[4] as number) & 1) << 24) | header, 4)
      }
    }
    if (bytes.length === 0) bytes = Buffer.from(pick())
  }
  return bytes
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
    it.each(SEEDS)(`wire-W6 ${side}: typed errors only, no hang, no growth; what is accepted round-trips (seed %i)`, (seed) => {
      const random = mulberry32(seed)
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
    })
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
