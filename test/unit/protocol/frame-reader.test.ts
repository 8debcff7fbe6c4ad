import { describe, expect, it } from 'vitest'
import { RemotingCommandException } from '../../../src/internal/errors.ts'
import { CLIENT_LIMITS, FrameReader, SERVER_LIMITS } from '../../../src/protocol/frame-reader.ts'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { conversations, probes } from '../../golden/load.ts'

const sides = [
  { side: 'server', limits: SERVER_LIMITS },
  { side: 'client', limits: CLIENT_LIMITS }
]

/** Frames as the reader hands them out, one string each. */
function read(limits = SERVER_LIMITS): { reader: FrameReader; frames: string[] } {
  const frames: string[] = []
  return { frames, reader: new FrameReader(limits, (bytes, start, end) => frames.push(bytes.toString('latin1', start, end))) }
}

function prefix(length: number, word: number, rest = 0): Buffer {
  const bytes = Buffer.alloc(8 + rest, 0x20)
  bytes.writeInt32BE(length, 0)
  bytes.writeInt32BE(word | 0, 4)
  return bytes
}

const recorded = conversations()
  .flatMap(({ frames }) => frames)
  .filter(({ truncated, length }) => truncated !== true && length < 2000)
  .slice(0, 50)
  .map(({ hex }) => Buffer.from(hex, 'hex'))

describe('FrameReader', () => {
  it('wire-W1 gives the same frames for every split point of 50 recorded frames', () => {
    const wrong: string[] = []
    recorded.forEach((frame, i) => {
      for (let split = 1; split < frame.length; split++) {
        let frames = 0
        const reader = new FrameReader(SERVER_LIMITS, (bytes, start, end) => {
          if (frame.compare(bytes, start, end) === 0) frames++
        })
        reader.push(frame.subarray(0, split))
        const early = frames
        reader.push(frame.subarray(split))
        if (early !== 0 || frames !== 1 || reader.pendingBytes !== 0) wrong.push(`frame ${i} split at ${split}`)
      }
    })
    expect(recorded).toHaveLength(50)
    expect(wrong).toEqual([])
  })

  it('wire-W1 reads byte by byte, and 1,000 frames in one piece', () => {
    const thousand = Array.from({ length: 1000 }, (_, i) => recorded[i % recorded.length] as Buffer)
    const expected = thousand.map((frame) => frame.toString('latin1'))
    const joined = Buffer.concat(thousand)
    const once = read()
    once.reader.push(joined)
    expect(once.frames).toEqual(expected)
    const dripped = read()
    const drip = Buffer.concat(thousand.slice(0, 100))
    for (let at = 0; at < drip.length; at++) dripped.reader.push(drip.subarray(at, at + 1))
    expect(dripped.frames).toEqual(expected.slice(0, 100))
    const odd = read()
    for (let at = 0; at < joined.length; at += 997) odd.reader.push(joined.subarray(at, at + 997))
    expect(odd.frames).toEqual(expected)
  })

  it('wire-W1 takes a 1 MiB frame in single bytes in linear time', () => {
    const frame = Buffer.concat([prefix(1_048_576 - 4, 2), Buffer.alloc(1_048_576 - 8)])
    const millis = (size: number): number => {
      const { reader } = read()
      const started = performance.now()
      for (let at = 0; at < size; at++) reader.push(frame.subarray(at, at + 1))
      return performance.now() - started
    }
    millis(131_072)
    expect(millis(frame.length)).toBeLessThan(2000)
  })

  it('wire-W1 hands out frames that lie in one piece as views, and others as bytes of their own', () => {
    const frame = recorded[0] as Buffer
    const seen: Buffer[] = []
    const reader = new FrameReader(SERVER_LIMITS, (bytes) => seen.push(bytes))
    const chunk = Buffer.concat([frame, frame.subarray(0, 20)])
    reader.push(chunk)
    reader.push(frame.subarray(20))
    expect(seen[0]).toBe(chunk)
    chunk.fill(0)
    expect(RemotingCommand.decode(seen[1] as Buffer, 0, frame.length).code).toBeGreaterThan(0)
  })

  it.each(sides)('wire-W2 the $side refuses a length outside its bounds as soon as it can be read', ({ limits }) => {
    for (const length of [0, 1, 2, 3, -1, -(2 ** 31), 2 ** 31 - 1, 16_777_213, 16_777_216, 16_777_217]) {
      const bytes = prefix(length, 2)
      expect(() => read(limits).reader.push(bytes)).toThrow(RemotingCommandException)
      // Four bytes are enough, however they come.
      const { reader } = read(limits)
      reader.push(bytes.subarray(0, 3))
      expect(() => reader.push(bytes.subarray(3, 4))).toThrow(`frame length ${length}`)
      expect(() => read(limits).reader.push(bytes.subarray(0, 4))).toThrow(`frame length ${length}`)
    }
  })

  it('wire-W2 takes the largest length, and keeps no more than what came', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 100 }, () => {
      const { reader } = read()
      reader.push(prefix(16_777_212, 20, 20))
      expect(reader.pendingBytes).toBe(28)
      return reader
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_048_576)
    expect(readers).toHaveLength(100)
  })

  it.each(sides)(
    'wire-W3 the $side refuses a header that is empty, passes its frame or its limit, and unknown types',
    ({ limits }) => {
      const cases: Array<[Buffer, string]> = [
        [prefix(12, 0, 8), 'header length 0'],
        [prefix(12, 9, 8), 'header length 9'],
        [prefix(4, 0xffffff), 'header length 16777215'],
        [prefix(16_000_000, limits.maxHeaderLength + 1), 'maxHeaderLength'],
        ...Array.from({ length: 254 }, (_, i): [Buffer, string] => [prefix(12, ((i + 2) << 24) | 8, 8), `type ${i + 2} `])
      ]
      const before = process.memoryUsage().arrayBuffers
      for (const [bytes, text] of cases) {
        expect(() => read(limits).reader.push(bytes)).toThrow(text)
        const { reader } = read(limits)
        expect(() => {
          for (const byte of bytes) reader.push(Buffer.from([byte]))
        }).toThrow(text)
      }
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_048_576)
    }
  )

  it('wire-W3 header limits: 256 KiB for requests, 4 MiB for answers', () => {
    const frame = prefix(300_004, 300_000, 300_000)
    expect(() => read(SERVER_LIMITS).reader.push(frame)).toThrow('above the limit of 262144')
    const client = read(CLIENT_LIMITS)
    client.reader.push(frame)
    expect(client.frames).toHaveLength(1)
  })

  it('wire-W2 wire-W3 closes on the bytes a live broker and name server close on, and only on those', () => {
    const names = /^(len-|headerlen-|bad-|serialize-type-|json-null|ns-106-|dup-|split-)/
    let closed = 0
    for (const probe of probes().filter(({ name }) => names.test(name))) {
      const decode = (): void => {
        const reader = new FrameReader(
          SERVER_LIMITS,
          (bytes, start, end) => void RemotingCommand.decode(bytes, start, end).extFields
        )
        reader.push(Buffer.from(probe.requestHex ?? '', 'hex'))
      }
      if (probe.responseHex === 'closed') {
        closed++
        expect(decode, probe.name).toThrow(RemotingCommandException)
      } else {
        expect(decode, probe.name).not.toThrow()
      }
    }
    expect(closed).toBe(14)
  })

  it('can be stopped after any frame: what is left is copied once, and outlives the chunk it came in', () => {
    const frame = frameToBuffer(RemotingCommand.request(106))
    const seen: Buffer[] = []
    const reader = new FrameReader(
      SERVER_LIMITS,
      (bytes, start, end) => void seen.push(bytes.subarray(start, end)),
      () => false
    )
    const lent = Buffer.concat(Array.from({ length: 4 }, () => frame))
    reader.push(lent)
    expect([seen.length, reader.stopped]).toEqual([1, true])
    lent.fill(0)
    while (reader.stopped) reader.goOn()
    expect(seen.slice(1)).toEqual([frame, frame, frame])
    // Views of one copy, one behind the other.
    expect(seen.slice(1).map(({ buffer, byteOffset }) => [buffer === seen[1]!.buffer, byteOffset - seen[1]!.byteOffset])).toEqual(
      [
        [true, 0],
        [true, frame.length],
        [true, 2 * frame.length]
      ]
    )
  })

  it('goes on after a frame handler that throws, with the next piece', () => {
    const frame = frameToBuffer(RemotingCommand.request(106))
    let calls = 0
    const reader = new FrameReader(SERVER_LIMITS, () => {
      if (calls++ === 0) throw new Error('handler')
    })
    reader.push(frame.subarray(0, 10))
    expect(() => reader.push(frame.subarray(10))).toThrow('handler')
    reader.push(frame)
    expect(calls).toBe(2)
  })
})
