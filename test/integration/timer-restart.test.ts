import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { BrokerRig } from '../support/broker-rig.ts'
import { imageOf } from '../support/store-folder.ts'
import { tempFolder } from '../support/temp-folder.ts'

const NOW = 1_700_000_000_000
const rigs: BrokerRig[] = []

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop()
})

async function open(root: string, now: number, timerRollWindowSlot = 172_800): Promise<BrokerRig> {
  const storeConfig = { mappedFileSizeCommitLog: 64 * 1024, timerRollWindowSlot }
  const rig = await BrokerRig.start({ storeFiles: { root }, storeConfig, topics: { T: { queues: 1 } } }, now)
  rigs.push(rig)
  return rig
}

async function send(rig: BrokerRig, body: string, seconds: number): Promise<void> {
  const peer = rig.peers[0] ?? (await rig.connect())
  const properties = `TIMER_DELAY_SEC\u0001${seconds}\u0002`
  expect((await rig.ask(peer, rig.sendRequest({ body, properties }))).code).toBe(0)
}

const bodies = (rig: BrokerRig): string[] => rig.stored('T').map(({ body }) => body.toString())
const timercheck = (root: string): string => path.join(root, 'config', 'timercheck')

/** As Java writes it: a page; the data version is what newer brokers have behind the four fields. */
function javaTimerCheck(lastReadTimeMs: number, lastTimerQueueOffset: number, form: 'old' | 'new'): Buffer {
  const bytes = Buffer.alloc(4096)
  for (const [i, value] of [lastReadTimeMs, 5200, lastTimerQueueOffset, lastTimerQueueOffset].entries()) {
    bytes.writeBigInt64BE(BigInt(value), i * 8)
  }
  if (form === 'new') for (const [i, value] of [0, NOW, 17].entries()) bytes.writeBigInt64BE(BigInt(value), 32 + i * 8)
  return form === 'old' ? bytes.subarray(0, 32) : bytes
}

describe('messages for a point in time in a store of files', () => {
  it('store-74 a broker that was killed goes on: what waits is delivered at its time, what was delivered some time before is not again', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root, NOW)
    await send(first, 'early', 2)
    for (let i = 0; i < 70; i++) await send(first, `waits ${i}`, 60 + (i % 3))
    await first.clock.advance(2000)
    await expect.poll(() => bodies(first)).toEqual(['early'])
    // Two rounds of what is written every 10 s: the first of them may not count on what is not durable yet.
    await first.clock.advance(10_000)
    await first.clock.advance(10_000)
    await expect.poll(() => readdirSync(path.join(root, 'config'))).toContain('timerOffset.json')
    await send(first, 'after the last round', 5)
    const image = imageOf(root, path.join(tempFolder(), 'store'))
    const second = await open(image, first.clock.now())
    await second.clock.advance(0)
    await expect.poll(() => bodies(second)).toEqual(['early'])
    await second.clock.advance(5000)
    await expect.poll(() => bodies(second)).toEqual(['early', 'after the last round'])
    await second.clock.advance(60_000)
    const waited = Array.from({ length: 70 }, (_, i) => `waits ${i}`)
    await expect.poll(() => bodies(second).slice(2).sort()).toEqual(waited.sort())
  })

  it('store-74 a broker that was away when the time came delivers at its start', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root, NOW, 10)
    await send(first, 'far', 25)
    await send(first, 'near', 5)
    const image = imageOf(root, path.join(tempFolder(), 'store'))
    const second = await open(image, NOW + 3_600_000, 10)
    await second.clock.advance(0)
    await second.clock.advance(1000)
    await second.clock.advance(30_000)
    await expect.poll(() => bodies(second).sort()).toEqual(['far', 'near'])
  })

  it("store-73 what waits is taken from the log alone, whatever stands in Java's wheel and timer log, and these stay as they are", async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root, NOW)
    for (let i = 0; i < 200; i++) await send(first, `${i}`, 30)
    const image = imageOf(root, path.join(tempFolder(), 'store'))
    mkdirSync(path.join(image, 'timerlog'))
    const theirs = ['timerwheel', path.join('timerlog', '00000000000000000000')].map((name) => path.join(image, name))
    for (const file of theirs) writeFileSync(file, Buffer.alloc(5200, 0x5a))
    const second = await open(image, NOW)
    await second.clock.advance(30_000)
    // A turn delivers 64.
    const delivered = async (): Promise<string[]> => {
      await second.clock.advance(0)
      return bodies(second)
    }
    await expect.poll(delivered).toEqual(Array.from({ length: 200 }, (_, i) => `${i}`))
    await second.stop()
    for (const file of theirs) expect(readFileSync(file).equals(Buffer.alloc(5200, 0x5a)), file).toBe(true)
    expect(readdirSync(path.join(image, 'timerlog'))).toEqual(['00000000000000000000'])
  })
})

describe("what a Java broker's timercheck says", () => {
  it.each(['old', 'new'] as const)('store-75 of the %s form is read, left as it is, and holds after reopening', async (form) => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root, NOW)
    await send(first, 'delivered by Java', 5)
    await send(first, 'not yet', 8)
    const image = imageOf(root, path.join(tempFolder(), 'store'))
    // Java has taken both in, and delivered all steps before NOW + 6000.
    const check = javaTimerCheck(NOW + 6000, 2, form)
    mkdirSync(path.dirname(timercheck(image)), { recursive: true })
    writeFileSync(timercheck(image), check)
    const second = await open(image, NOW + 6500)
    await second.clock.advance(500)
    expect(bodies(second)).toEqual([])
    await second.clock.advance(1000)
    await expect.poll(() => bodies(second)).toEqual(['not yet'])
    await second.stop()
    expect(readFileSync(timercheck(image)).equals(check)).toBe(true)
    const third = await open(image, second.clock.now())
    await third.clock.advance(60_000)
    await expect.poll(() => bodies(third)).toEqual(['not yet'])
  })

  it('store-75 it counts for the messages below its queue offset only, and not for long waits, which Java may not have stored anew', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root, NOW, 10)
    await send(first, 'long', 25)
    await send(first, 'behind', 3)
    const image = path.join(tempFolder(), 'store')
    cpSync(root, image, { recursive: true })
    mkdirSync(path.dirname(timercheck(image)), { recursive: true })
    writeFileSync(timercheck(image), javaTimerCheck(NOW + 100_000, 1, 'new'))
    const second = await open(image, NOW + 100_000, 10)
    await second.clock.advance(0)
    await second.clock.advance(1000)
    await second.clock.advance(100_000)
    await expect.poll(() => bodies(second).sort()).toEqual(['behind', 'long'])
  })

  it('store-75 one that says nothing, or less than our own position, changes nothing', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root, NOW)
    await send(first, 'once', 2)
    await first.clock.advance(5000)
    await first.stop()
    for (const bytes of [Buffer.alloc(10), Buffer.alloc(4096), javaTimerCheck(NOW - 5000, 1, 'new')]) {
      writeFileSync(timercheck(root), bytes)
      const next = await open(root, first.clock.now())
      await next.clock.advance(10_000)
      await expect.poll(() => bodies(next)).toEqual(['once'])
      await next.stop()
    }
  })
})
