import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { tagsCodeOf } from '../../src/protocol/java-hash.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import { ConsumeQueueStore } from '../../src/store/consume-queue-store.ts'
import { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import { StoreCheckpoint } from '../../src/store/files/checkpoint.ts'
import { FileIndexService } from '../../src/store/files/index-files.ts'
import { queryByKey } from '../../src/store/query-message.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { message } from '../unit/store/store-fixture.ts'
import { storeFiles, storeLines } from './load.ts'

/** As the recording's store was configured. */
const QUEUE_FILE_SIZE = 8000
const INDEX = { hashSlotNum: 100, indexNum: 1000 }

/** The files of the store that Java 5.3.3 wrote, in a folder of the test's own. */
function unpacked(): string {
  const root = tempFolder()
  for (const { name, bytes } of storeFiles()) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    writeFileSync(path.join(root, name), bytes)
  }
  return path.join(root, 'store')
}

const openQueues = (root: string): ConsumeQueueStore =>
  new ConsumeQueueStore({ folder: path.join(root, 'consumequeue'), fileSize: QUEUE_FILE_SIZE, logger: silentLogger })
const openIndex = (root: string): FileIndexService =>
  new FileIndexService({ folder: path.join(root, 'index'), ...INDEX, clock: new HeldClock(), logger: silentLogger })

const record = (log: Buffer, offset: number): Buffer => log.subarray(offset, offset + log.readInt32BE(offset))
const readLog = (root: string): Buffer => readFileSync(path.join(root, 'commitlog', '0'.repeat(20)))

/** The records of the log, from its first byte to `end`. */
function* records(log: Buffer, end: number): IterableIterator<Buffer> {
  for (let offset = 0; offset < end; offset += log.readInt32BE(offset)) yield record(log, offset)
}

/** One message, as the expected list has it. */
function line(bytes: Buffer, queueOffset: number): string {
  const message = decodeMessage(bytes, 0, { decompressBody: false, checkCRC: true })
  const { properties, body, bornHost, flag, sysFlag } = message
  const host = bornHost.host.includes(':') ? `[${bornHost.host.replace(/^2001:db8::1$/, '2001:db8:0:0:0:0:0:1')}]` : bornHost.host
  return (
    `  ${queueOffset} phy=${message.commitLogOffset} crc=${message.bodyCRC} len=${body.length} tags=${properties.get('TAGS') ?? null} ` +
    `keys=${properties.get('KEYS') ?? null} born=/${host}:${bornHost.port} flag=${flag} sys=${sysFlag} id=${message.msgId}`
  )
}

describe('a store written by Java 5.3.3', () => {
  it.each([true, false])('its queues lead to the messages that they should (closed in order: %s)', async (clean) => {
    const root = unpacked()
    const queues = openQueues(root)
    await queues.load(clean)
    const log = readLog(root)
    const found: string[] = []
    for (const topic of ['Topic-0', 'Topic-1', 'Topic-2']) {
      for (let queueId = 0; queueId < 4; queueId++) {
        const queue = queues.find(topic, queueId)!
        found.push(`queue ${topic} ${queueId} ${queue.minOffset} ${queue.maxOffset}`)
        for (let offset = queue.minOffset; offset < queue.maxOffset; offset++) {
          const unit = queue.get(offset)!
          const bytes = record(log, unit.physicalOffset)
          expect(unit.size).toBe(bytes.length)
          expect(unit.tagsCode).toBe(tagsCodeOf(decodeMessage(bytes).properties.get('TAGS')))
          found.push(line(bytes, offset))
        }
      }
    }
    expect(found).toEqual(storeLines().filter((text) => !/^(minPhy|query)/.test(text)))
    expect(storeLines()[0]).toBe(`minPhy=0 maxPhy=${queues.maxPhysicalOffset}`)
  })

  it.each([true, false])('its index answers queries by key (closed in order: %s)', async (clean) => {
    const root = unpacked()
    const index = openIndex(root)
    await index.load(clean)
    const log = readLog(root)
    const wanted = storeLines().filter((text) => text.startsWith('query'))
    expect(wanted).toHaveLength(4)
    for (const text of wanted) {
      const [, topic, key, , count] = text.split(' ')
      const { messages } = queryByKey(index, (offset) => record(log, offset), topic!, key!, 32, 0, Number.MAX_SAFE_INTEGER)
      expect(`query ${topic} ${key} -> ${messages.length}`).toBe(`query ${topic} ${key} -> ${count}`)
    }
    expect(index.wasCut).toBe(false)
  })

  it.each([
    ['closed in order', []],
    ['ended by a crash', ['abort']],
    ['without its queues', ['consumequeue']],
    ['without its index', ['index']],
    ['without both, ended by a crash', ['consumequeue', 'index', 'abort']]
  ])('opens as a whole (%s): messages by queue and by offset, queries, and new messages behind its own', async (_, changes) => {
    const root = unpacked()
    for (const name of changes) rmSync(path.join(root, name), { recursive: true, force: true })
    if (changes.includes('abort')) writeFileSync(path.join(root, 'abort'), '')
    const open = async (): Promise<DefaultMessageStore> => {
      const clock = new HeldClock(1_800_000_000_000)
      const store = new DefaultMessageStore(
        {
          mappedFileSizeCommitLog: 65_536,
          mappedFileSizeConsumeQueue: QUEUE_FILE_SIZE,
          maxHashSlotNum: INDEX.hashSlotNum,
          maxIndexNum: INDEX.indexNum
        },
        { clock, logger: silentLogger, files: { root } }
      )
      await store.start()
      return store
    }
    const list = (store: DefaultMessageStore): string[] => {
      const lines = [`minPhy=${store.getMinPhyOffset()} maxPhy=${store.getMaxPhyOffset()}`]
      for (const head of storeLines().filter((text) => text.startsWith('queue '))) {
        const [, topic, queueId] = head.split(' ')
        const min = store.getMinOffsetInQueue(topic!, Number(queueId))
        const max = store.getMaxOffsetInQueue(topic!, Number(queueId))
        lines.push(`queue ${topic} ${queueId} ${min} ${max}`)
        for (let offset = min; offset < max; offset++) {
          const bytes = store.getMessage('g', topic!, Number(queueId), offset, 1)!.messages[0]!
          expect(store.lookMessageByOffset(decodeMessage(bytes).commitLogOffset)?.equals(bytes)).toBe(true)
          lines.push(line(bytes, offset))
        }
      }
      for (const text of storeLines().filter((query) => query.startsWith('query'))) {
        const [, topic, key] = text.split(' ')
        const { messages } = store.queryMessage(topic!, key!, 32, 0, Number.MAX_SAFE_INTEGER)
        lines.push(`query ${topic} ${key} -> ${messages.length}`)
      }
      return lines
    }
    const store = await open()
    expect(list(store)).toEqual(storeLines())
    const put = await store.asyncPutMessage(message({ topic: 'Topic-1', queueId: 3, props: { KEYS: 'key-8' } }))
    expect(put).toMatchObject({ status: 'PUT_OK', appendResult: { wroteOffset: 51_706, logicsOffset: 10 } })
    await store.shutdown()
    const again = await open()
    expect(again.getMaxOffsetInQueue('Topic-1', 3)).toBe(11)
    expect(again.queryMessage('Topic-1', 'key-8', 32, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(1)
    await again.shutdown()
  })

  it('store-27 its checkpoint is read', () => {
    const root = unpacked()
    const checkpoint = new StoreCheckpoint(path.join(root, 'checkpoint'))
    checkpoint.load()
    const last = [...records(readLog(root), 51_706)].at(-1)!
    const { storeTimestamp } = decodeMessage(last)
    expect([checkpoint.physicMsgTimestamp, checkpoint.logicsMsgTimestamp, checkpoint.indexMsgTimestamp]).toEqual([
      storeTimestamp,
      storeTimestamp,
      0
    ])
  })

  it('store-29 queues and index that we make from its log have the same bytes', async () => {
    const root = unpacked()
    const ours = tempFolder()
    const queues = openQueues(ours)
    const index = openIndex(ours)
    for (const bytes of records(readLog(root), 51_706)) {
      const { topic, queueId, queueOffset, commitLogOffset, properties, storeTimestamp } = decodeMessage(bytes)
      const queue = queues.topic(topic).queue(queueId)
      queue.put(queueOffset, commitLogOffset, bytes.length, tagsCodeOf(properties.get('TAGS')))
      index.putMessage(queues.topic(topic).keyHash, {
        uniqKey: properties.get('UNIQ_KEY'),
        keys: properties.get('KEYS'),
        physicalOffset: commitLogOffset,
        storeTimestamp
      })
    }
    await queues.close()
    await index.close()
    const contents = (from: string): Array<[string, string]> =>
      readdirSync(from, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\/(consumequeue|index)(\/|$)/.test(entry.parentPath))
        .map((entry): [string, string] => {
          const name = path.relative(from, path.join(entry.parentPath, entry.name))
          // Index files are named after the time.
          return [name.replace(/index\/.*/, 'index'), readFileSync(path.join(from, name)).toString('base64')]
        })
        .sort()
    expect(contents(ours)).toHaveLength(13)
    expect(contents(ours)).toEqual(contents(root))
  })
})
