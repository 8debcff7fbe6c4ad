import { describe, expect, test } from 'vitest'
import { CLIENT_LIMITS, type FrameLimits, SERVER_LIMITS } from '../../src/protocol/frame-reader.ts'
import { wireVectors } from '../golden/load.ts'
import { seededRandom } from '../support/random.ts'
import { recordedFrames } from '../support/recorded-frames.ts'
import { askDecoder, startDecoder } from './decoder.ts'
import { RULES, type Rule } from './frame-differences.ts'
import { mutatedFrame } from './frame-mutations.ts'
import { differences, frameHeader, type Outcome, ourOutcome } from './frame-outcomes.ts'
import { CLIENT_VERSIONS } from './harness/java.js'

// The same bytes to RocketMQ's own decoder and to ours: accepted or refused alike, with the same fields. What differs is in frame-differences.ts.
/** Mutated frames a version of Java, half of them requests, half of them answers; 1,000,000 with `npm run torture`. */
const FRAMES = Number(process.env.FUZZ_FRAMES ?? 20_000)
const SEED = Number(process.env.TEST_SEED ?? 20_261_130)
/** As many are under way at a time. */
const AT_ONCE = 500
/** Of `Decoder.java`. */
const FRAMES_KIND = 0

const SIDES = [
  { dir: 'c2s', limits: SERVER_LIMITS, answers: 0 },
  { dir: 's2c', limits: CLIENT_LIMITS, answers: 1 }
] as const

describe.each(CLIENT_VERSIONS)('frames, ours and Java %s', (version) => {
  const java = startDecoder(version)
  const rules = RULES.filter(({ versions }) => versions?.includes(version) ?? true)

  /** Counts for each rule what it explains; throws with the bytes for what none does. */
  async function compare(streams: Buffer[], limits: FrameLimits, counts: Map<Rule, number>): Promise<void> {
    const unlisted: string[] = []
    const outcomes = await askDecoder<Outcome>(java, FRAMES_KIND, streams)
    outcomes.forEach((theirs, i) => {
      const bytes = streams[i] as Buffer
      for (const difference of differences(theirs, ourOutcome(bytes, limits))) {
        const header = frameHeader(bytes, difference.frame)
        const rule = rules.find(({ matches }) => matches(difference, header))
        if (rule !== undefined) counts.set(rule, (counts.get(rule) ?? 0) + 1)
        else unlisted.push(`${JSON.stringify({ ...difference, header: header.text })}\n${bytes.toString('hex')}`)
      }
    })
    if (unlisted.length > 0) throw new Error(`no rule for this, seed ${SEED}, Java ${version}: ${unlisted.join('\n')}`)
  }

  test.each(rules)('wire-W7 what is on the list: $name', async (rule) => {
    const counts = new Map<Rule, number>()
    await compare([rule.example], SERVER_LIMITS, counts)
    expect([...counts.keys()].map(({ name }) => name)).toEqual([rule.name])
  })

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
        const fed = made.filter((bytes) => !endsInEnumeration(bytes))
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

/**
 * Headers that end within the text of an enumeration are slow to be refused there, too slow for their number. That ours refuses them is all
 * that is looked at.
 */
function endsInEnumeration(stream: Buffer): boolean {
  for (let at = 0; at + 8 < stream.length; ) {
    const end = at + 4 + stream.readInt32BE(at)
    if (end < at + 8 || end > stream.length) return false
    const header = stream.toString('latin1', at + 8, Math.min(end, at + 8 + (stream.readInt32BE(at + 4) & 0xffffff)))
    if (stream[at + 4] === 0 && /"(language|serializeTypeCurrentRPC)":"[^"\\]*$/.test(header)) {
      expect(ourOutcome(stream.subarray(at, end), SERVER_LIMITS).refused, stream.toString('hex')).toBeDefined()
      return true
    }
    at = end
  }
  return false
}
