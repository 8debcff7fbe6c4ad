import { describe, expect, it } from 'vitest'
import { encodeReport, encodeTransfer, ReportReader, TransferReader } from '../../../../src/broker/ha/ha-frames.ts'

describe('reports', () => {
  it('are the offset as 64 bits, most significant first', () => {
    expect(encodeReport(0x1_0000_0002).toString('hex')).toBe('0000000100000002')
    expect(encodeReport(Number.MAX_SAFE_INTEGER).toString('hex')).toBe('001fffffffffffff')
  })

  it('only the last whole one of a read counts, however the stream is cut', () => {
    const stream = Buffer.concat([1, 2 ** 40, 3, 70_000].map(encodeReport))
    for (let cut = 0; cut <= stream.length; cut++) {
      for (let second = cut; second <= stream.length; second++) {
        const reader = new ReportReader()
        const parts = [stream.subarray(0, cut), stream.subarray(cut, second), stream.subarray(second)]
        const seen = parts.map((part) => reader.push(part))
        const whole = (length: number): number | undefined => [undefined, 1, 2 ** 40, 3, 70_000][Math.floor(length / 8)]
        const expected = [cut, second, stream.length].map((end, i) => {
          const before = [0, cut, second][i]!
          return Math.floor(end / 8) > Math.floor(before / 8) ? whole(end) : undefined
        })
        expect(seen).toEqual(expected)
      }
    }
  })

  it('negative and too large ones stay recognisable', () => {
    expect(new ReportReader().push(Buffer.from('ffffffffffffffff', 'hex'))).toBe(-1)
    expect(new ReportReader().push(Buffer.from('7fffffffffffffff', 'hex'))).toBe(2 ** 63)
  })
})

describe('transfers', () => {
  it('are offset, size and bytes; without bytes they are a sign of life', () => {
    expect(encodeTransfer(0x1_0000_0000, Buffer.from('abc')).toString('hex')).toBe('000000010000000000000003616263')
    expect(encodeTransfer(5).toString('hex')).toBe('000000000000000500000000')
  })

  it('come apart whatever way the stream is cut', () => {
    const stream = Buffer.concat([
      encodeTransfer(10, Buffer.from('abcdef')),
      encodeTransfer(16),
      encodeTransfer(16, Buffer.from('gh'))
    ])
    for (let step = 1; step <= stream.length; step++) {
      const seen: Array<[number, number, string]> = []
      const reader = new TransferReader({
        onHeader: (offset, size) => {
          seen.push([offset, size, ''])
          return true
        },
        onBytes: (bytes) => {
          seen.at(-1)![2] += bytes.toString()
          return true
        }
      })
      for (let at = 0; at < stream.length; at += step) expect(reader.push(stream.subarray(at, at + step))).toBe(true)
      expect(seen).toEqual([
        [10, 6, 'abcdef'],
        [16, 0, ''],
        [16, 2, 'gh']
      ])
    }
  })

  it('what the receiver refuses ends the reading: nothing behind it is looked at', () => {
    const seen: number[] = []
    const reader = new TransferReader({
      onHeader: (offset) => {
        seen.push(offset)
        return offset === 1
      },
      onBytes: () => true
    })
    expect(reader.push(Buffer.concat([encodeTransfer(1, Buffer.from('a')), encodeTransfer(7), encodeTransfer(1)]))).toBe(false)
    expect(seen).toEqual([1, 7])
  })
})
