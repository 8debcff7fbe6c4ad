import { expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { decodeMessage } from '../../../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { seededRandom } from '../../../support/random.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const SEED = Number(process.env.TEST_SEED)
const RUNS = Number(process.env.MODEL_RUNS ?? 3)
const COMMANDS = 40

it('fault-S19 puts, reads, kills, ends and starts in any order agree with a list a queue', { timeout: 3_600_000 }, async () => {
  for (let run = 0; run < RUNS; run++) {
    const random = seededRandom(SEED + run)
    const pick = (count: number): number => Math.floor(random() * count)
    const model = new Map<string, string[]>()
    const done: string[] = []
    const flushDiskType = pick(2) === 0 ? 'SYNC_FLUSH' : 'ASYNC_FLUSH'
    let root = folder()
    let clock = new HeldClock()
    const open = async (): Promise<DefaultMessageStore> => {
      clock = new HeldClock()
      const opened = new DefaultMessageStore(
        { mappedFileSizeCommitLog: 4096, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 20, maxIndexNum: 60, flushDiskType },
        { clock, logger: silentLogger, files: { root } }
      )
      await opened.start()
      return opened
    }
    let store = await open()
    const put = async (): Promise<void> => {
      const topic = `T${pick(2)}`
      const queueId = pick(2)
      const body = `${done.length}`.padEnd(1 + pick(1500), '.')
      const queue = model.get(`${topic} ${queueId}`) ?? []
      model.set(`${topic} ${queueId}`, queue)
      const offset = queue.push(body) - 1
      const result = await store.asyncPutMessage(
        message({ topic, queueId, body, props: { KEYS: `${topic}-${queueId}-${offset}` } })
      )
      expect([result.status, result.appendResult?.logicsOffset]).toEqual(['PUT_OK', offset])
    }
    const compare = (): void => {
      for (const [name, queue] of model) {
        const [topic, queueId] = name.split(' ') as [string, string]
        const bodies: string[] = []
        for (let offset = 0; offset < store.getMaxOffsetInQueue(topic, Number(queueId)); offset++) {
          const found = store.getMessage('g', topic, Number(queueId), offset, 1)!.messages[0]
          bodies.push(found === undefined ? 'nothing' : decodeMessage(found, 0, { checkCRC: true }).body.toString())
        }
        expect(bodies, `seed ${SEED + run}: ${done.join(' ')}`).toEqual(queue)
        const last = queue.length - 1
        const byKey = store.queryMessage(topic, `${topic}-${queueId}-${last}`, 5, 0, Number.MAX_SAFE_INTEGER).messages
        expect(byKey.length, `seed ${SEED + run}: ${done.join(' ')}: key of ${name} ${last}`).toBe(1)
      }
    }
    const commands: Record<string, () => Promise<void>> = {
      put,
      puts: async () => void (await Promise.all(Array.from({ length: 2 + pick(6) }, put))),
      second: () => clock.advance(1000),
      minute: () => clock.advance(61_000),
      read: async () => compare(),
      kill: async () => {
        const image = imageOf(root, folder())
        await store.shutdown()
        root = image
        store = await open()
        compare()
      },
      reopen: async () => {
        await store.shutdown()
        store = await open()
        compare()
      }
    }
    const weights = ['put', 'put', 'puts', 'puts', 'second', 'minute', 'read', 'kill', 'reopen']
    for (let i = 0; i < COMMANDS; i++) {
      const name = weights[pick(weights.length)]!
      done.push(name)
      await commands[name]!()
    }
    compare()
    await store.shutdown()
  }
})
