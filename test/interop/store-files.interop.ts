import { execFile } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { realClock } from '../../src/internal/clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import { message } from '../unit/store/store-fixture.ts'
import { buildJava, classPath, QUICK_START_FLAGS, SERVER_FLAGS, temporaryDirectory } from './harness/java.js'

// One store, in the hands of the real DefaultMessageStore and of ours by turns: closed in order, and killed.
const TOOL = fileURLToPath(new URL('java/store/StoreTool.java', import.meta.url))
const LOG = 65_536
const QUEUE = 2000
const SLOTS = 97
const INDEX = 500
const TOPICS = { A: 2, '%RETRY%B': 1 }
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

async function open(root: string): Promise<DefaultMessageStore> {
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: LOG, mappedFileSizeConsumeQueue: QUEUE, maxHashSlotNum: SLOTS, maxIndexNum: INDEX },
    { clock: realClock, logger: silentLogger, files: { root } }
  )
  await store.start()
  return store
}

async function put(store: DefaultMessageStore, count: number): Promise<void> {
  const topics = Object.entries(TOPICS)
  const puts = Array.from({ length: count }, (_, i) => {
    const [topic, queues] = topics[i % topics.length]!
    const props = { TAGS: `Tag${i % 3}`, KEYS: `ours-${i} ours-shared`, UNIQ_KEY: `U${i}` }
    return store.asyncPutMessage(message({ topic, queueId: i % queues, body: `ours-${i}-${'y'.repeat(i % 400)}`, props }))
  })
  expect(new Set((await Promise.all(puts)).map(({ status }) => status))).toEqual(new Set(['PUT_OK']))
}

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
        const { queueOffset, commitLogOffset, bodyCRC, body, properties } = decodeMessage(record, 0, { checkCRC: true })
        const tags = properties.get('TAGS') ?? null
        lines.push(`${queueOffset} ${commitLogOffset} ${bodyCRC} ${body.length} ${tags} ${properties.get('KEYS') ?? null}`)
      }
    }
    for (const key of KEYS) {
      lines.push(`query ${topic} ${key} ${store.queryMessage(topic, key, 64, 0, Number.MAX_SAFE_INTEGER).messages.length}`)
    }
  }
  return lines
}

const queries = (lines: string[]): string[] => lines.filter((line) => line.startsWith('query') && !line.endsWith(' 0'))

describe.each(['5.3.3', '4.9.7'])('a store by turns ours and Java %s', (version) => {
  test('closed in order each time: the same messages, offsets and queries on both sides', async () => {
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

  test('killed each time: the same messages, offsets and queries on both sides', async () => {
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
})
