import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import type { OutgoingFrame } from '../../../src/protocol/outgoing-frame.ts'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { CHUNK_SIZE } from '../../../src/transport/chunk-pool.ts'
import { FrameWriter } from '../../../src/transport/frame-writer.ts'
import type { NetworkSocket } from '../../../src/transport/network.ts'
import { nextTurn } from '../../support/turns.ts'

/** A socket that keeps what it is given and takes it when the test says so; the bytes are read only then. */
class SlowSocket extends Duplex {
  readonly writes: Buffer[][] = []
  taken = Buffer.alloc(0)
  #callback: ((error?: Error | null) => void) | undefined

  constructor() {
    super({ writableHighWaterMark: 1 << 30 })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.writes.push([chunk])
    this.#callback = callback
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, callback: (error?: Error | null) => void): void {
    this.writes.push(chunks.map((entry) => entry.chunk))
    this.#callback = callback
  }

  /** The oldest write is done. */
  async done(error?: Error): Promise<void> {
    this.taken = Buffer.concat([this.taken, ...(this.writes.shift() ?? [])])
    const callback = this.#callback
    this.#callback = undefined
    callback?.(error)
    await nextTurn()
  }
}

function writer(): { socket: SlowSocket; out: FrameWriter; errors: unknown[] } {
  const socket = new SlowSocket()
  socket.on('error', () => {})
  const errors: unknown[] = []
  return {
    socket,
    errors,
    out: new FrameWriter(
      socket as unknown as NetworkSocket,
      () => {},
      (error) => errors.push(error)
    )
  }
}

function frame(n: number, size = 10): RemotingCommand {
  const command = RemotingCommand.request(10, { n: String(n) }, Buffer.alloc(size, n))
  command.opaque = n
  return command
}

function bytesOf(...frames: OutgoingFrame[]): string {
  return Buffer.concat(frames.map(frameToBuffer)).toString('hex')
}

test('all frames of one turn leave with one write, those that come meanwhile with the next', async () => {
  const { socket, out } = writer()
  out.append(frame(1))
  out.append(frame(2))
  expect(socket.writes).toHaveLength(0)
  await Promise.resolve().then(() => out.append(frame(3)))
  await nextTurn()
  expect(socket.writes).toHaveLength(1)
  out.append(frame(4))
  out.append(frame(5))
  await nextTurn()
  expect(socket.writes).toHaveLength(1)
  expect(out.bytesQueued).toBe(frameToBuffer(frame(1)).length * 5)
  await socket.done()
  await socket.done()
  expect(socket.taken.toString('hex')).toBe(bytesOf(...[1, 2, 3, 4, 5].map((n) => frame(n))))
  expect(out.bytesQueued).toBe(0)
})

test('a large body goes as its own piece of the same write, uncopied and in order; it does not wait for the end of the turn', async () => {
  const { socket, out } = writer()
  const large = frame(2, 65_537)
  out.append(frame(1))
  out.append(large)
  out.append(frame(3))
  expect(socket.writes).toHaveLength(1)
  expect(socket.writes[0]?.some((piece) => piece.buffer === large.body?.buffer)).toBe(true)
  await socket.done()
  await nextTurn()
  await socket.done()
  expect(socket.taken.toString('hex')).toBe(bytesOf(frame(1), large, frame(3)))
})

test('net-N18 memory is used again only after the socket has called back for it', async () => {
  const { socket, out } = writer()
  const sent: RemotingCommand[] = []
  // Enough for several chunks; nothing of it may change while the socket still holds it.
  for (let n = 0; n < 40; n++) sent.push(frame(n, 20_000))
  for (const one of sent) out.append(one)
  await nextTurn()
  const other = writer()
  for (let n = 100; n < 140; n++) other.out.append(frame(n, 20_000))
  await nextTurn()
  await other.socket.done()
  for (let n = 40; n < 60; n++) {
    sent.push(frame(n, 20_000))
    out.append(sent[n] as RemotingCommand)
  }
  await nextTurn()
  await socket.done()
  await socket.done()
  expect(socket.taken.equals(Buffer.concat(sent.map(frameToBuffer)))).toBe(true)
})

test('net-N18 a chunk that is part of a write twice is given back once', async () => {
  const first = writer()
  first.out.append(frame(1))
  first.out.append(frame(2, 70_000))
  // Behind the large body the same chunk goes on, until it is full.
  for (let n = 0; n < 10; n++) first.out.append(frame(3, 20_000))
  await nextTurn()
  await first.socket.done()
  const pairs = Array.from({ length: 4 }, writer)
  for (const [n, { out }] of pairs.entries()) out.append(frame(10 + n, 1000))
  await nextTurn()
  for (const [n, { socket }] of pairs.entries()) {
    await socket.done()
    expect(socket.taken.toString('hex')).toBe(bytesOf(frame(10 + n, 1000)))
  }
})

test('net-N18 random sizes, turns and write completions never mix bytes up', async () => {
  let seed = Number(process.env.TEST_SEED) % 2147483647 || 1
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  const pairs = [writer(), writer(), writer()]
  const expected = pairs.map(() => [] as Buffer[])
  for (let n = 0; n < 600; n++) {
    const which = random(3)
    const one = frame(n & 0xff, random(8) === 0 ? random(CHUNK_SIZE) : random(3000))
    pairs[which]?.out.append(one)
    expected[which]?.push(frameToBuffer(one))
    if (random(4) === 0) await nextTurn()
    if (random(3) === 0) await pairs[random(3)]?.socket.done()
  }
  for (const [i, { socket, out }] of pairs.entries()) {
    await nextTurn()
    while (out.bytesQueued > 0) await socket.done()
    expect(socket.taken.equals(Buffer.concat(expected[i] ?? [])), `socket ${i}, seed ${process.env.TEST_SEED}`).toBe(true)
  }
})

/** A socket that takes what it is given at once, like one whose system buffer has room; now and then it does not. */
class QuickSocket extends Duplex {
  writes = 0
  slow: (() => void) | undefined
  takesSlowly = false
  readonly pieces: Buffer[] = []

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.writes++
    // The bytes are copied when they are taken: memory that is used again too early shows.
    const take = (): void => {
      this.pieces.push(Buffer.from(chunk))
      callback()
    }
    if (this.takesSlowly) this.slow = take
    else take()
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, callback: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8' as BufferEncoding, callback)
  }
}

test('net-N18 a long turn leaves in pieces while the socket takes them, and waits when it does not', async () => {
  const socket = new QuickSocket({ writableHighWaterMark: 1 << 30 })
  const out = new FrameWriter(
    socket as unknown as NetworkSocket,
    () => {},
    () => {}
  )
  const sent: OutgoingFrame[] = []
  const append = (one: OutgoingFrame): void => {
    sent.push(one)
    out.append(one)
  }
  for (let turn = 0; turn < 12; turn++) {
    socket.takesSlowly = turn % 3 === 2
    for (let n = 0; n < 150; n++) append(frame((turn * 150 + n) & 0xff, 1024))
    if (socket.takesSlowly) {
      // One piece is with the socket; all that came behind it waits, and can be taken back.
      const before = out.position
      out.append(frame(0xee, 1024))
      expect(out.retract(before, out.position)).toBe(true)
      socket.takesSlowly = false
      socket.slow?.()
    } else {
      expect(socket.writes).toBeGreaterThan(1)
    }
    const handed = out.handedOver()
    await nextTurn()
    await handed
    expect(out.bytesQueued).toBe(0)
  }
  expect(Buffer.concat(socket.pieces).toString('hex') === bytesOf(...sent)).toBe(true)
})

test('bytes that have not been handed over can be taken back, others not', async () => {
  const { socket, out } = writer()
  const positions: number[] = []
  const append = (one: OutgoingFrame): void => {
    positions.push(out.position)
    out.append(one)
  }
  append(frame(1))
  await nextTurn()
  append(frame(2))
  append(frame(3, 70_000))
  append(frame(4))
  append(frame(5))
  positions.push(out.position)
  expect(out.retract(positions[0] as number, positions[1] as number)).toBe(false)
  expect(out.retract(positions[2] as number, positions[3] as number)).toBe(true)
  expect(out.retract(positions[4] as number, positions[5] as number)).toBe(true)
  await socket.done()
  await socket.done()
  expect(socket.taken.toString('hex')).toBe(bytesOf(frame(1), frame(2), frame(4)))
  expect(out.bytesQueued).toBe(0)
  out.append(frame(6))
  await nextTurn()
  await socket.done()
  expect(socket.taken.toString('hex')).toBe(bytesOf(frame(1), frame(2), frame(4), frame(6)))
})

test('handedOver settles when the socket took what was appended before, and rejects when the connection closes first', async () => {
  const { socket, out } = writer()
  await out.handedOver()
  out.append(frame(1))
  let first = false
  const one = out.handedOver().then(() => {
    first = true
  })
  await nextTurn(3)
  expect(first).toBe(false)
  await socket.done()
  await one
  out.append(frame(2))
  const two = out.handedOver()
  out.close(() => new Error('closed'))
  await expect(two).rejects.toThrow('closed')
})

test('a frame that cannot be encoded leaves no byte behind', async () => {
  const { socket, out } = writer()
  const bad = frame(9)
  bad.writeHeader = () => {
    throw new Error('no header')
  }
  out.append(frame(1))
  expect(() => out.append(bad)).toThrow('no header')
  out.append(frame(2))
  await nextTurn()
  await socket.done()
  expect(socket.taken.toString('hex')).toBe(bytesOf(frame(1), frame(2)))
})

test('a failed write is reported once and frees what was under way', async () => {
  const { socket, out, errors } = writer()
  out.append(frame(1))
  await nextTurn()
  await socket.done(new Error('EPIPE'))
  expect(errors).toHaveLength(1)
})
