import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { type JournalFrame, type JournalLimits, WireJournal } from '../../../src/loopback/wire-journal.ts'

const MIB = 1024 * 1024

function journal(limits: Partial<JournalLimits> = {}): WireJournal {
  return new WireJournal({ requests: 10_000, bytes: 64 * MIB, ...limits }, new HeldClock(5000))
}

/** A copy, since what the journal gives is only good until the next frame. */
function kept(from: WireJournal): Array<Omit<JournalFrame, 'bytes'> & { text: string }> {
  return [...from.frames()].map(({ bytes, ...frame }) => ({ ...frame, text: Buffer.from(bytes).toString() }))
}

describe('the wire journal', () => {
  it('has the frames of all connections in the order they passed, as they were then', () => {
    const wire = journal()
    const [a, b] = [wire.of('namesrv').of('10.0.0.1:1'), wire.of('broker-a').of('10.0.0.2:2')]
    const bytes = Buffer.from('..request..')
    a.received(bytes, 2, 9, false)
    bytes.fill(0)
    b.sent(Buffer.from('head'), 0, 4, Buffer.from('+body'), true)
    a.received(Buffer.from('answer'), 0, 6, true)
    const of = { server: 'namesrv', remoteAddr: '10.0.0.1:1', timestamp: 5000 }
    expect(kept(wire)).toEqual([
      { ...of, received: true, isRequest: true, text: 'request' },
      { ...of, server: 'broker-a', remoteAddr: '10.0.0.2:2', received: false, isRequest: false, text: 'head+body' },
      { ...of, received: true, isRequest: false, text: 'answer' }
    ])
  })

  it('loopback-8 keeps the last requests, each with what was answered since', () => {
    const wire = journal({ requests: 3 })
    const connection = wire.of('broker-a').of('10.0.0.1:1')
    for (let i = 0; i < 10; i++) {
      connection.received(Buffer.from(`q${i}`), 0, 2, false)
      connection.sent(Buffer.from(`a${i}`), 0, 2, undefined, true)
    }
    const texts = kept(wire).map(({ text }) => text)
    expect(texts.filter((text) => text.startsWith('q'))).toEqual(['q7', 'q8', 'q9'])
    expect(texts.slice(-6)).toEqual(['q7', 'a7', 'q8', 'a8', 'q9', 'a9'])
    expect(wire.dropped).toBe(20 - texts.length)
  })

  it('loopback-8 holds no more memory than it may, whatever the frames are', () => {
    const wire = journal({ bytes: MIB })
    const connection = wire.of('broker-a').of('10.0.0.1:1')
    let most = 0
    for (let i = 0; i < 1000; i++) {
      // Every seventh is larger than the pieces the journal takes its memory in.
      const frame = Buffer.alloc(i % 7 === 0 ? 200_000 : 17 + ((i * 7919) % 4000), i)
      connection.received(frame, 0, frame.length, false)
      most = Math.max(most, wire.bytes)
      if (i % 100 === 0) expect(Buffer.from([...wire.frames()].at(-1)?.bytes ?? []).equals(frame)).toBe(true)
    }
    expect(most).toBeLessThanOrEqual(MIB)
    expect(kept(wire).reduce((sum, { text }) => sum + text.length, 0)).toBeGreaterThan(MIB / 2)
  })

  it('loopback-8 does not keep a frame larger than all it may hold, and goes on', () => {
    const wire = journal({ bytes: 1000 })
    const connection = wire.of('broker-a').of('10.0.0.1:1')
    connection.received(Buffer.from('before'), 0, 6, false)
    connection.received(Buffer.alloc(2000), 0, 2000, false)
    connection.received(Buffer.from('after'), 0, 5, false)
    expect(kept(wire).map(({ text }) => text)).toEqual(['before', 'after'])
    expect(wire.dropped).toBe(1)
  })

  it('uses the memory of journals that were cleared, and shows nothing of them', () => {
    const fill = (wire: WireJournal, server: string): void => {
      const connection = wire.of(server).of('10.0.0.1:1')
      const frame = Buffer.from(server.repeat(1000))
      for (let i = 0; i < 1000; i++) connection.received(frame, 0, frame.length, false)
    }
    const servers = (wire: WireJournal): Set<string> =>
      new Set(kept(wire).map(({ server, text }) => (text === server.repeat(1000) ? server : 'mixed up')))
    const [a, b, c] = [journal(), journal(), journal()]
    fill(a, 'aaaa')
    a.clear()
    const { arrayBuffers } = process.memoryUsage()
    fill(b, 'bbbb')
    // Four megabytes of frames.
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(2 * MIB)
    fill(c, 'cccc')
    fill(a, 'dddd')
    expect([a, b, c].map((wire) => [...servers(wire)])).toEqual([['dddd'], ['bbbb'], ['cccc']])
  })

  it('holds nothing before the first frame, nor when it was cleared', () => {
    const wire = journal()
    expect(wire.bytes).toBe(0)
    wire.of('broker-a').of('10.0.0.1:1').received(Buffer.from('x'), 0, 1, false)
    expect(wire.bytes).toBeGreaterThan(0)
    wire.clear()
    expect([wire.bytes, kept(wire)]).toEqual([0, []])
  })
})
