import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { javaHashCode } from '../../src/protocol/java-hash.ts'
import { ConsumeQueueStore } from '../../src/store/consume-queue-store.ts'
import { FileIndexService } from '../../src/store/files/index-files.ts'

/** What happens to a store; `crash` loses what was not handed to the operating system. */
type Step =
  | { kind: 'put'; queue: number; count: number; key: number }
  | { kind: 'write' | 'flush' | 'reopen' | 'crash' }
  /** A share of the records is cut off the end of the log, or expires at its beginning. */
  | { kind: 'truncate' | 'expire'; share: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      queue: fc.nat({ max: 2 }),
      count: fc.integer({ min: 1, max: 40 }),
      key: fc.nat({ max: 9 })
    })
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('write' as const, 'flush', 'reopen', 'crash') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('truncate' as const, 'expire'), share: fc.nat({ max: 100 }) }) }
)

interface LogRecord {
  queue: number
  queueOffset: number
  physicalOffset: number
  size: number
  keys: string
}

const TOPIC = '%RETRY%group'
const hash = javaHashCode(`${TOPIC}#`)
const T0 = 1_700_000_000_000

/** The store's files, and the log that they have to agree with. */
class Rig {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'dispatch-files-'))
  queues!: ConsumeQueueStore
  index!: FileIndexService
  log: LogRecord[] = []
  /** The next queue offset, and the end of the log. */
  readonly next = [0, 0, 0]
  end = 0
  /** Where the log begins. */
  min = 0

  async open(clean: boolean): Promise<void> {
    this.queues = new ConsumeQueueStore({ folder: path.join(this.folder, 'q'), fileSize: 20 * 7, logger: silentLogger })
    this.index = new FileIndexService({
      folder: path.join(this.folder, 'i'),
      hashSlotNum: 5,
      indexNum: 16,
      clock: new HeldClock(),
      logger: silentLogger
    })
    await this.queues.load(clean)
    await this.index.load(clean)
    this.queues.truncateDirty(this.end)
    this.index.truncateDirty(this.end)
    this.queues.correctMinOffset(this.min)
    if (!clean) for (const record of this.log) this.dispatch(record)
  }

  dispatch({ queue, queueOffset, physicalOffset, size, keys }: LogRecord): void {
    this.queues
      .topic(TOPIC)
      .queue(queue)
      .put(queueOffset, physicalOffset, size, physicalOffset % 7)
    this.index.putMessage(hash, { uniqKey: undefined, keys, physicalOffset, storeTimestamp: T0 + physicalOffset })
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'put':
        for (let i = 0; i < step.count; i++) {
          const size = 50 + (i % 3)
          const queueOffset = this.next[step.queue]!++
          const record = { queue: step.queue, queueOffset, physicalOffset: this.end, size, keys: `k${step.key} k${i % 5}` }
          this.log.push(record)
          this.end += size
          this.dispatch(record)
        }
        break
      case 'write':
        await Promise.all([this.queues.write(), this.index.write()])
        break
      case 'flush':
        await Promise.all([this.queues.flush(), this.index.flush()])
        break
      case 'reopen':
        await Promise.all([this.queues.close(), this.index.close()])
        await this.open(true)
        break
      case 'crash':
        await this.open(false)
        break
      case 'truncate': {
        // Recovery finds that the log ends earlier, after a crash.
        const kept = Math.floor((this.log.length * step.share) / 100)
        this.end = this.log[kept]?.physicalOffset ?? this.end
        this.log.length = kept
        for (const queue of [0, 1, 2]) {
          const last = this.log.findLast((record) => record.queue === queue)
          this.next[queue] = last === undefined ? (this.#emptied(queue) ?? 0) : last.queueOffset + 1
        }
        await this.open(false)
        break
      }
      case 'expire': {
        const gone = Math.floor((this.log.length * Math.min(step.share, 60)) / 100)
        this.min = this.log[gone]?.physicalOffset ?? this.min
        this.log.splice(0, gone)
        this.queues.correctMinOffset(this.min)
        await this.queues.deleteExpired(this.min, 10)
        await this.index.deleteExpired(this.min, 10)
        break
      }
    }
  }

  /** A queue without records goes on where its last unit was, as long as there was one. */
  #emptied(queue: number): number | undefined {
    const found = this.queues.find(TOPIC, queue)
    return found === undefined ? undefined : Math.min(found.minOffset, this.next[queue]!)
  }

  check(): void {
    for (const queue of [0, 1, 2]) {
      const wanted = this.log.filter((record) => record.queue === queue)
      const found = this.queues.find(TOPIC, queue)
      if (wanted.length === 0) {
        if (found !== undefined) expect(found.minOffset).toBe(found.maxOffset)
        continue
      }
      expect([found!.minOffset, found!.maxOffset]).toEqual([wanted[0]!.queueOffset, wanted.at(-1)!.queueOffset + 1])
      for (const { queueOffset, physicalOffset, size } of wanted) {
        expect(found!.get(queueOffset)).toEqual({ physicalOffset, size, tagsCode: physicalOffset % 7 })
      }
    }
    for (let key = 0; key < 10; key++) {
      const wanted = this.log
        .filter(({ keys }) => keys.split(' ').includes(`k${key}`))
        .map(({ physicalOffset }) => physicalOffset)
      const found = [...this.index.query(TOPIC, `k${key}`)].filter((offset) => offset >= this.min)
      expect(found).toEqual(wanted.reverse())
    }
  }
}

it('queues and index in files agree with the log, whatever happens to them', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const rig = new Rig()
      try {
        await rig.open(false)
        for (const step of steps) {
          await rig.run(step)
          rig.check()
        }
      } finally {
        rmSync(rig.folder, { recursive: true, force: true })
      }
    }),
    { numRuns: Number(process.env.DISPATCH_FILES_RUNS ?? 12) }
  ))
