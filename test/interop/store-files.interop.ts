import { execFile } from 'node:child_process'
import { cpSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { realClock } from '../../src/internal/clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { hostAddress } from '../../src/protocol/host-address.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import { type FileLayer, nodeFiles } from '../../src/store/files/file-layer.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { seededRandom } from '../support/random.ts'
import { message } from '../unit/store/store-fixture.ts'
import { buildJava, classPath, QUICK_START_FLAGS, SERVER_FLAGS, temporaryDirectory } from './harness/java.js'

// One store, in the hands of the real DefaultMessageStore and of ours by turns: closed in order, and killed.
const TOOL = fileURLToPath(new URL('java/store/StoreTool.java', import.meta.url))
const LOG = 65_536
const QUEUE = 2000
const SLOTS = 97
const INDEX = 500
const TOPICS = { A: 2, '%RETRY%B': 1 }
const V6 = '2001:db8::1'
/** Images of a crash that are looked at, by version; 200 with `npm run torture`. */
const IMAGES = Number(process.env.STORE_IMAGES ?? 4)
const SEED = Number(process.env.TEST_SEED ?? 1)
const KEYS = ['key-1', 'key-7', 'shared', 'ours-3', 'ours-shared', 'J5', 'none']

const directories: Array<ReturnType<typeof temporaryDirectory>> = []
afterEach(() => {
  for (const { remove } of directories.splice(0)) remove()
})

function newRoot(): string {
  const directory = temporaryDirectory('store-files')
  directories.push(directory)
  return join(directory.path, 'store')
}

/** Java opens it, puts `count` messages, lists everything, and closes it or is gone. */
async function java(version: string, root: string, count: number, end: 'close' | 'halt'): Promise<string[]> {
  await buildJava()
  const topics = Object.entries(TOPICS).map(([topic, queues]) => `${topic}:${queues}`)
  const { stdout } = await promisify(execFile)(
    'java',
    [
      '-Xmx512m',
      ...QUICK_START_FLAGS,
      ...SERVER_FLAGS,
      `-Duser.home=${join(root, '..')}`,
      '-cp',
      classPath(version),
      TOOL,
      ...[root, LOG, QUEUE, SLOTS, INDEX, count].map(String),
      topics.join(','),
      KEYS.join(','),
      end
    ],
    { maxBuffer: 64 * 1024 * 1024 }
  )
  const lines = stdout.split('\n').filter((line) => /^(log|queue|query|refused|closed|aborted|\d+ \d+)/.test(line))
  if (end === 'close') expect(lines.pop()).toBe('closed')
  return lines
}

async function open(root: string, files: FileLayer = nodeFiles): Promise<DefaultMessageStore> {
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: LOG, mappedFileSizeConsumeQueue: QUEUE, maxHashSlotNum: SLOTS, maxIndexNum: INDEX },
    { clock: realClock, logger: silentLogger, files: { root, files } }
  )
  await store.start()
  return store
}

async function put(store: DefaultMessageStore, count: number): Promise<void> {
  const topics = Object.entries(TOPICS)
  const puts = Array.from({ length: count }, (_, i) => {
    const [topic, queues] = topics[i % topics.length]!
    const props = { TAGS: `Tag${i % 3}`, KEYS: `ours-${i} ours-shared`, UNIQ_KEY: `U${i}` }
    const bornHost = hostAddress(i % 5 === 0 ? V6 : '127.0.0.1', 40_000)
    return store.asyncPutMessage(
      message({ topic, queueId: i % queues, body: `ours-${i}-${'y'.repeat(i % 400)}`, props, bornHost })
    )
  })
  expect(new Set((await Promise.all(puts)).map(({ status }) => status))).toEqual(new Set(['PUT_OK']))
}

/** As Java prints it. */
const hostText = (host: string): string => (host.includes(':') ? '2001:db8:0:0:0:0:0:1' : host)

/** As the tool lists it. */
function list(store: DefaultMessageStore): string[] {
  const lines = [`log ${store.getMinPhyOffset()} ${store.getMaxPhyOffset()}`]
  for (const [topic, queues] of Object.entries(TOPICS)) {
    for (let queueId = 0; queueId < queues; queueId++) {
      const min = Math.max(0, store.getMinOffsetInQueue(topic, queueId))
      const max = store.getMaxOffsetInQueue(topic, queueId)
      lines.push(`queue ${topic} ${queueId} ${min} ${max}`)
      for (let offset = min; offset < max; offset++) {
        const record = store.getMessage('g', topic, queueId, offset, 1)!.messages[0]!
        const { queueOffset, commitLogOffset, bodyCRC, body, sysFlag, bornHost, properties } = decodeMessage(record, 0, {
          checkCRC: true
        })
        const what = `${queueOffset} ${commitLogOffset} ${bodyCRC} ${body.length} ${sysFlag} ${hostText(bornHost.host)}`
        lines.push(`${what} ${properties.get('TAGS') ?? null} ${properties.get('KEYS') ?? null}`)
      }
    }
    for (const key of KEYS) {
      lines.push(`query ${topic} ${key} ${store.queryMessage(topic, key, 64, 0, Number.MAX_SAFE_INTEGER).messages.length}`)
    }
  }
  return lines
}

/** A file that was made and has not got its size: RocketMQ 4.9 does not open a folder with one, its own neither. */
function hasEmptyFile(root: string): boolean {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(consumequeue|index|commitlog)\//.test(name)
  )
  return names.some((name) => statSync(join(root, name)).size === 0)
}

/** Images of a store's folder before calls that change a file, all over a run of it. */
async function crashImages(count: number): Promise<Array<{ call: string; root: string }>> {
  const random = seededRandom(SEED)
  const root = newRoot()
  const images: Array<{ call: string; root: string }> = []
  const files = new FaultyFiles()
  let store: DefaultMessageStore | undefined
  files.before = (operation, file) => {
    const changes = !/^(read|list|lstat|size|close|open)/.test(operation)
    if (store === undefined || !changes || images.length === count || random() > 0.1) return undefined
    const image = newRoot()
    cpSync(root, image, { recursive: true })
    if (hasEmptyFile(image)) return undefined
    images.push({ call: `${operation} ${relative(root, file)}`, root: image })
    return undefined
  }
  while (images.length < count) {
    store = await open(root, files)
    for (let i = 0; i < 20 && images.length < count; i++) await put(store, 1 + Math.floor(random() * 60))
    await store.shutdown()
  }
  return images
}

const queries = (lines: string[]): string[] => lines.filter((line) => line.startsWith('query') && !line.endsWith(' 0'))

describe.each(['5.3.3', '4.9.7'])('a store by turns ours and Java %s', (version) => {
  test('fault-S16 closed in order each time: the same messages, offsets and queries on both sides', async () => {
    const root = newRoot()
    let store = await open(root)
    await put(store, 600)
    const written = list(store)
    await store.shutdown()
    expect(await java(version, root, 0, 'close')).toEqual(written)
    expect(queries(written).length).toBeGreaterThan(2)
    const theirs = await java(version, root, 500, 'close')
    store = await open(root)
    expect(list(store)).toEqual(theirs)
    await put(store, 300)
    const both = list(store)
    await store.shutdown()
    expect(await java(version, root, 0, 'close')).toEqual(both)
  })

  test('fault-S16 killed each time: the same messages, offsets and queries on both sides', async () => {
    const root = newRoot()
    const first = await open(root)
    await put(first, 600)
    const written = list(first)
    // What a kill leaves: the files as the operating system has them.
    const killed = newRoot()
    cpSync(root, killed, { recursive: true })
    await first.shutdown()
    const theirs = await java(version, killed, 0, 'close')
    expect(theirs).toEqual(written)
    const halted = await java(version, killed, 500, 'halt')
    const second = await open(killed)
    expect(list(second)).toEqual(halted)
    await second.shutdown()
  })
  test('fault-S16 as a crash at any moment left it: Java opens it, goes on, is gone, and we read the same', {
    timeout: 3_600_000
  }, async () => {
    for (const { call, root } of await crashImages(IMAGES)) {
      const copy = newRoot()
      cpSync(root, copy, { recursive: true })
      const ours = await open(copy)
      const before = list(ours).filter((line) => /^\d/.test(line))
      await ours.shutdown()
      const theirs = await java(version, root, 20, 'halt').catch((error: { stdout: string; stderr: string }) => {
        throw new Error(`before ${call}, seed ${SEED}: ${error.stdout.slice(-500)} ${error.stderr.slice(-1500)}`)
      })
      expect(
        before.filter((line) => !theirs.includes(line)),
        `before ${call}, seed ${SEED}`
      ).toEqual([])
      const again = await open(root)
      expect(list(again), `before ${call}, seed ${SEED}`).toEqual(theirs)
      await again.shutdown()
    }
    console.log(
      `fault-S16 ${version}: ${IMAGES} crash images opened, continued and killed by Java, and opened again here, 0 differences, seed ${SEED}`
    )
  })
})
