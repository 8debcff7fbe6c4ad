import { cpSync, existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as zlib from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { isPromise } from '../../src/internal/async.ts'
import { realClock } from '../../src/internal/clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { hostAddress } from '../../src/protocol/host-address.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import { decodeProperties, encodeProperties } from '../../src/protocol/properties.ts'
import { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import { classPath, SERVER_FLAGS, temporaryDirectory } from './harness/java.js'
import { LineProcess } from './harness/processes.js'

// One folder, two stores: what one has written the other reads and goes on with, after an orderly end and after a kill.

const TOPIC = 'Shared'
const QUEUES = 3
const LOG_FILE = 64 * 1024
const QUEUE_FILE = 20 * 50

interface Held {
  queueId: number
  queueOffset: number
  physicalOffset: number
  sysFlag: number
  crc: number
  tags: string
  keys: string
}

const directory = temporaryDirectory('store-interop')
afterAll(() => directory.remove())
let folders = 0
const folder = (): string => path.join(directory.path, `store-${folders++}`)

/** RocketMQ's store. Returns what it printed. */
async function java(root: string, version: string, command: string[]): Promise<Record<string, unknown>[]> {
  const source = fileURLToPath(new URL('java/store/SharedStore.java', import.meta.url))
  const flags = ['-Xmx256m', ...SERVER_FLAGS, `-Duser.home=${directory.path}`]
  const args = [root, String(LOG_FILE), String(QUEUE_FILE), TOPIC, String(QUEUES), ...command]
  const child = new LineProcess(`SharedStore ${version}`, 'java', [...flags, '-cp', classPath(version), source, ...args])
  const lines = (await child.jsonUntilExit()) as Record<string, unknown>[]
  expect(lines.filter((line) => 'error' in line)).toEqual([])
  return lines
}

const heldOf = (lines: Record<string, unknown>[]): Held[] => lines.filter((line) => 'crc' in line) as unknown as Held[]

async function open(root: string): Promise<DefaultMessageStore> {
  const sizes = {
    mappedFileSizeCommitLog: LOG_FILE,
    mappedFileSizeConsumeQueue: QUEUE_FILE,
    maxHashSlotNum: 1000,
    maxIndexNum: 4000
  }
  const store = new DefaultMessageStore(sizes, { clock: realClock, logger: silentLogger, files: { root } })
  await store.start()
  return store
}

async function put(store: DefaultMessageStore, count: number, prefix: string): Promise<void> {
  const host = hostAddress('127.0.0.1', 10911)
  const v6 = hostAddress('2001:db8::1', 40000)
  for (let i = 0; i < count; i++) {
    const propertiesString = encodeProperties(
      new Map([
        ['KEYS', `${prefix}-key-${i}`],
        ['TAGS', `Tag${i % 3}`]
      ])
    )
    const result = store.asyncPutMessage({
      topic: TOPIC,
      queueId: i % QUEUES,
      flag: 0,
      sysFlag: 0,
      body: Buffer.from(`${prefix}-${i}-${'y'.repeat((i * 13) % 500)}`),
      propertiesString,
      properties: decodeProperties(propertiesString),
      bornTimestamp: Date.now(),
      bornHost: i % 5 === 0 ? v6 : host,
      storeHost: host,
      reconsumeTimes: 0,
      preparedTransactionOffset: 0
    })
    expect((isPromise(result) ? await result : result).status).toBe('PUT_OK')
  }
}

function held(store: DefaultMessageStore): Held[] {
  const found: Held[] = []
  for (let queueId = 0; queueId < QUEUES; queueId++) {
    for (let offset = 0; offset < store.getMaxOffsetInQueue(TOPIC, queueId); offset++) {
      const message = decodeMessage(store.getMessage('g', TOPIC, queueId, offset, 1)!.messages[0]!, 0, { checkCRC: true })
      const { queueOffset, commitLogOffset: physicalOffset, sysFlag, tags, keys } = message
      found.push({ queueId, queueOffset, physicalOffset, sysFlag, crc: zlib.crc32(message.body), tags: tags!, keys: keys! })
    }
  }
  return found
}

const keysFound = (store: DefaultMessageStore, keys: string[]): number[] =>
  keys.map((key) => store.queryMessage(TOPIC, key, 64, 0, Number.MAX_SAFE_INTEGER).messages.length)

describe.each(['5.3.3', '4.9.7'])('a store folder shared with RocketMQ %s', (version) => {
  test('fault-S16 ours, closed; read and continued there; continued here; read there', async () => {
    const root = folder()
    let store = await open(root)
    await put(store, 400, 'ours')
    const first = held(store)
    await store.shutdown()

    const read = await java(root, version, ['close', '200', 'theirs', 'ours-key-0', 'ours-key-399', 'nobody'])
    expect(heldOf(read)).toEqual(first)
    expect(read.filter((line) => 'found' in line).map((line) => line['found'])).toEqual([1, 1, 0])

    expect(existsSync(path.join(root, 'abort'))).toBe(false)
    store = await open(root)
    expect(held(store)).toHaveLength(600)
    expect(held(store).filter(({ keys }) => keys.startsWith('ours'))).toEqual(first)
    expect(keysFound(store, ['ours-key-7', 'theirs-key-0', 'theirs-key-199'])).toEqual([1, 1, 1])
    await put(store, 100, 'again')
    const all = held(store)
    await store.shutdown()
    expect(heldOf(await java(root, version, ['halt', '0', '']))).toEqual(all)
  })

  test('fault-S16 killed on either side', async () => {
    const root = folder()
    const store = await open(root)
    await put(store, 400, 'ours')
    const image = folder()
    cpSync(root, image, { recursive: true })
    const first = held(store)
    await store.shutdown()
    expect(existsSync(path.join(image, 'abort'))).toBe(true)
    const read = await java(image, version, ['halt', '200', 'theirs', 'ours-key-0', 'ours-key-399'])
    expect(heldOf(read)).toEqual(first)
    expect(read.filter((line) => 'found' in line).map((line) => line['found'])).toEqual([1, 1])

    expect(existsSync(path.join(image, 'abort'))).toBe(true)
    const again = await open(image)
    expect(held(again)).toHaveLength(600)
    expect(held(again).filter(({ keys }) => keys.startsWith('ours'))).toEqual(first)
    expect(keysFound(again, ['ours-key-7', 'theirs-key-0', 'theirs-key-199'])).toEqual([1, 1, 1])
    await again.shutdown()
  })
})
