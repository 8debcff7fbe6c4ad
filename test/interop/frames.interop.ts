import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENT_LIMITS, type FrameLimits, SERVER_LIMITS } from '../../src/protocol/frame-reader.ts'
import { wireVectors } from '../golden/load.ts'
import { seededRandom } from '../support/random.ts'
import { recordedFrames } from '../support/recorded-frames.ts'
import { RULES, type Rule } from './frame-differences.ts'
import { mutatedFrame } from './frame-mutations.ts'
import { differences, frameHeader, type Outcome, ourOutcome } from './frame-outcomes.ts'
import { CLIENT_VERSIONS, startProgram, temporaryDirectory } from './harness/java.js'
import type { LineProcess } from './harness/processes.js'

// The same bytes to RocketMQ's own decoder and to ours: accepted or refused alike, with the same fields. What differs is in frame-differences.ts.
/** Mutated frames a version of Java, half of them requests, half of them answers; 1,000,000 with `npm run torture`. */
const FRAMES = Number(process.env.FUZZ_FRAMES ?? 20_000)
const SEED = Number(process.env.TEST_SEED ?? 20_261_130)
/** As many are under way at a time. */
const AT_ONCE = 500

const SIDES = [
  { dir: 'c2s', limits: SERVER_LIMITS, answers: 0 },
  { dir: 's2c', limits: CLIENT_LIMITS, answers: 1 }
] as const

describe.each(CLIENT_VERSIONS)('frames, ours and Java %s', (version) => {
  const home = temporaryDirectory('frames')
  let java: LineProcess

  beforeAll(async () => {
    java = startProgram({ main: 'Decoder', version, args: [], home: home.path })
    await java.json()
  })

  afterAll(async () => {
    await java.stop('SIGKILL')
    home.remove()
  })

  /** Counts for each rule what it explains; throws with the bytes for what none does. */
  async function compare(streams: Buffer[], limits: FrameLimits, counts: Map<Rule, number>): Promise<void> {
    java.writeBytes(Buffer.concat(streams.flatMap((bytes) => [recordHead(bytes), bytes])))
    for (const bytes of streams) {
      const theirs = await java.json<Outcome>()
      const ours = ourOutcome(bytes, limits)
      for (const difference of differences(theirs, ours)) {
        const header = frameHeader(bytes, difference.frame)
        const rule = RULES.find((rule) => (rule.versions?.includes(version) ?? true) && rule.matches(difference, header))
        if (rule === undefined) {
          const { what, java, here } = difference
          const said = JSON.stringify({ what, java, here, header: header.text }, undefined, 1)
          throw new Error(`no rule for this, seed ${SEED}, Java ${version}: ${said}\n${bytes.toString('hex')}`)
        }
        counts.set(rule, (counts.get(rule) ?? 0) + 1)
      }
    }
  }

  test.each(RULES.filter(({ versions }) => versions?.includes(version) ?? true))(
    'wire-W7 what is on the list: $name',
    async (rule) => {
      const counts = new Map<Rule, number>()
      await compare([rule.example], SERVER_LIMITS, counts)
      expect([...counts.keys()].map(({ name }) => name)).toEqual([rule.name])
    }
  )

  test('wire-W7 mutated frames are accepted or refused alike, with the same fields, but for the list', {
    timeout: 3_600_000
  }, async () => {
    const counts = new Map<Rule, number>()
    let left = 0
    for (const { dir, limits, answers } of SIDES) {
      const random = seededRandom(SEED)
      const vectors = wireVectors().remotingCommands.filter(({ flag }) => (flag & 1) === answers)
      const frames = [...recordedFrames(dir), ...vectors.map(({ frameHex }) => Buffer.from(frameHex, 'hex'))]
      for (let sent = 0; sent < FRAMES / 2; sent += AT_ONCE) {
        const made = Array.from({ length: AT_ONCE }, () => mutatedFrame(frames, random))
        const fed = made.filter((bytes) => !keepsJavaBusy(bytes))
        left += made.length - fed.length
        await compare(fed, limits, counts)
      }
    }
    const differing = [...counts].map(([{ name }, count]) => `${count} ${name}`)
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    console.log(
      `wire-W7 Java ${version}: ${FRAMES} frames, ${left} left out, ${total} listed differences (${differing.join(', ')}), seed ${SEED}`
    )
    expect(total).toBeGreaterThan(FRAMES / 50)
  })
})

function recordHead(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeInt32BE(bytes.length)
  return head
}

/**
 * The text of an enumeration that does not end: fastjson looks for its end until an int has wrapped, 2 to 3 s for a frame, and then refuses. Ours has
 * to refuse as well, which is all that is compared.
 */
function keepsJavaBusy(stream: Buffer): boolean {
  for (let at = 0; at + 8 < stream.length; ) {
    const end = at + 4 + stream.readInt32BE(at)
    if (end < at + 8 || end > stream.length) return false
    const header = stream.toString('latin1', at + 8, Math.min(end, at + 8 + (stream.readInt32BE(at + 4) & 0xffffff)))
    if (/"(language|serializeTypeCurrentRPC)":"[^"\\]*$/.test(header)) {
      expect(ourOutcome(stream.subarray(at, end), SERVER_LIMITS).refused, stream.toString('hex')).toBeDefined()
      return true
    }
    at = end
  }
  return false
}
