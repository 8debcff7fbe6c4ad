import { expect, test } from 'vitest'
import { seededRandom } from '../support/random.ts'
import { BODY_RULES, type BodyRule } from './body-differences.ts'
import { type BodyKind, type BodyOutcome, bodyDifferences, KINDS } from './body-outcomes.ts'
import { askDecoder, startDecoder } from './decoder.ts'
import { SERVER_VERSION } from './harness/java.js'

// The same bytes to RocketMQ's own decoders of bodies and to ours; what differs is in body-differences.ts.
/** Mutated bodies of each form; 500,000 with `npm run torture`. */
const BODIES = Number(process.env.FUZZ_BODIES ?? 5000)
const SEED = Number(process.env.TEST_SEED ?? 20_261_130)
const AT_ONCE = 500

const java = startDecoder(SERVER_VERSION)

/** Counts for each rule what it explains; throws with the bytes for what none does. */
async function compare(kind: BodyKind, bodies: Buffer[], counts: Map<BodyRule, number>): Promise<number> {
  let read = 0
  const outcomes = await askDecoder<BodyOutcome>(java, kind.number, bodies)
  outcomes.forEach((outcome, i) => {
    const bytes = bodies[i] as Buffer
    if (outcome.refused === undefined) read++
    for (const difference of bodyDifferences(kind, bytes, outcome)) {
      const rule = BODY_RULES.find((rule) => rule.kind === kind.name && rule.matches(difference, bytes))
      if (rule === undefined) {
        throw new Error(`no rule for this ${kind.name}, seed ${SEED}: ${JSON.stringify(difference)}\n${bytes.toString('hex')}`)
      }
      counts.set(rule, (counts.get(rule) ?? 0) + 1)
    }
  })
  return read
}

test.each(BODY_RULES)('wire-W7 what is on the list: $name', async (rule) => {
  const counts = new Map<BodyRule, number>()
  const kind = KINDS.find(({ name }) => name === rule.kind) as BodyKind
  await compare(kind, [rule.example], counts)
  expect([...counts.keys()].map(({ name }) => name)).toEqual([rule.name])
})

test.each(KINDS)(
  'wire-W7 a mutated $name is read or refused alike, with the same values, but for the list',
  {
    timeout: 3_600_000
  },
  async (kind) => {
    const random = seededRandom(SEED)
    const counts = new Map<BodyRule, number>()
    let read = 0
    for (let sent = 0; sent < BODIES; sent += AT_ONCE) {
      const bodies = Array.from({ length: AT_ONCE }, () => kind.mutate(random))
      read += await compare(kind, bodies, counts)
    }
    const differing = [...counts].map(([{ name }, count]) => `, ${count} ${name}`)
    console.log(`wire-W7 ${kind.name}: ${BODIES} bodies, ${read} read by Java${differing.join('')}, seed ${SEED}`)
    expect(read).toBeGreaterThan(BODIES / 10)
  }
)
