import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const CONFIG = { mappedFileSizeCommitLog: 8192, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 100, maxIndexNum: 400 }

async function open(root: string): Promise<DefaultMessageStore> {
  const store = new DefaultMessageStore(CONFIG, { clock: new HeldClock(), logger: silentLogger, files: { root } })
  await store.start()
  return store
}

/** A store that was used and closed. */
async function used(): Promise<string> {
  const root = folder()
  const store = await open(root)
  for (let i = 0; i < 30; i++) await store.asyncPutMessage(message({ body: 'x'.repeat(500), props: { KEYS: `k${i}` } }))
  await store.shutdown()
  return root
}

/** Kind, mode, and content or target of everything below a folder. */
function picture(root: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const name = path.join(entry.parentPath, entry.name)
    found.set(name, `${lstatSync(name).mode} ${entry.isFile() ? readFileSync(name, 'latin1') : ''}`)
  }
  return found
}

/** Puts a link to something of somebody else's in the place of what a store keeps. */
const linked =
  (name: string) =>
  (root: string): void => {
    const outside = path.join(root, '..', 'outside')
    rmSync(outside, { recursive: true, force: true })
    const inside = path.join(root, name)
    mkdirSync(path.dirname(inside), { recursive: true })
    try {
      renameSync(inside, outside)
    } catch {
      mkdirSync(outside)
    }
    symlinkSync(outside, inside)
  }

const fifo =
  (name: string) =>
  (root: string): void => {
    rmSync(path.join(root, name), { recursive: true, force: true })
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    execFileSync('mkfifo', ['-m', '600', path.join(root, name)])
  }

const opened =
  (name: string, mode: number) =>
  (root: string): void =>
    chmodSync(path.join(root, name), mode)

const indexFile = (root: string): string => path.join('index', readdirSync(path.join(root, 'index'))[0]!)
const LOG = 'commitlog/00000000000000000000'
const QUEUE = 'consumequeue/T/0/00000000000000000000'

describe.skipIf(process.platform === 'win32')('a folder that is not what a store made', () => {
  it.each<[string, (root: string) => void, RegExp]>([
    ['the log as a link', linked('commitlog'), /commitlog is a link/],
    ['the queues as a link', linked('consumequeue'), /consumequeue is a link/],
    ['the queues of a topic as a link', linked('consumequeue/T'), /consumequeue\/T is no folder of a topic: move it away/],
    ['a queue as a link', linked('consumequeue/T/0'), /consumequeue\/T\/0 is no folder of a queue: move it away/],
    ['the index as a link', linked('index'), /index is a link/],
    ['the tables as a link', linked('config'), /config is a link/],
    ['what was cut as a link', linked('cut'), /cut is a link/],
    ['a file of the log as a link', linked(LOG), /00000000000000000000 is no file of a commit log: move it away/],
    ['a file of a queue as a link', linked(QUEUE), /00000000000000000000 is no file of a consume queue/],
    ['a file of the index as a link', (root) => linked(indexFile(root))(root), /index\/\d{17} is no file of the key index/],
    ['the checkpoint as a link', linked('checkpoint'), /checkpoint is a link: move it away/],
    ['the position as a link', linked('commitlog.position'), /commitlog\.position is a link: move it away/],
    ['the mark of an open store as a link', linked('abort'), /abort is a link: move it away/],
    ['the lock as a link', linked('lock'), /lock is a link: move it away/],
    [
      'a FIFO among the files of the log',
      fifo('commitlog/00000000000000024576'),
      /00000000000000024576 is no file of a commit log/
    ],
    ['a FIFO in the place of the first file of the log', fifo(LOG), /00000000000000000000 is no file of a commit log/],
    ['a FIFO among the files of a queue', fifo('consumequeue/T/0/00000000000000000600'), /is no file of a consume queue/],
    [
      'a FIFO among the files of the index',
      fifo('index/20990101000000000'),
      /index\/20990101000000000 is no file of the key index/
    ],
    ['a FIFO in the place of the checkpoint', fifo('checkpoint'), /checkpoint is not a file: move it away/],
    ['a FIFO in the place of the position', fifo('commitlog.position'), /commitlog\.position is not a file: move it away/],
    ['a FIFO in the place of the lock', fifo('lock'), /lock is not a file: move it away/],
    ['a FIFO in the place of the next file', fifo('commitlog.next'), /commitlog\.next is not a file: move it away/],
    ['a folder that all may write to', opened('.', 0o777), /can be written by others \(mode 777\): chmod go-w/],
    ['a folder that the group may write to', opened('.', 0o770), /can be written by others \(mode 770\): chmod go-w/],
    ['a log that all may write to', opened('commitlog', 0o703), /commitlog can be written by others \(mode 703\): chmod go-w/],
    ['queues that all may write to', opened('consumequeue', 0o702), /consumequeue can be written by others \(mode 702\)/],
    [
      'a stray file in the log',
      (root) => writeFileSync(path.join(root, 'commitlog', 'notes.txt'), 'mine'),
      /notes\.txt is no file of a commit log: move it away/
    ],
    [
      'a stray file among the index files',
      (root) => writeFileSync(path.join(root, 'index', 'notes.txt'), 'mine'),
      /notes\.txt is no file of the key index/
    ],
    [
      'a stray file in a queue',
      (root) => writeFileSync(path.join(root, 'consumequeue/T/0', 'notes.txt'), 'mine'),
      /notes\.txt is no file of a consume queue/
    ]
  ])('security-X15 %s is refused by its path, and everything stays as it is', async (_, attack, text) => {
    const root = await used()
    attack(root)
    const before = picture(path.dirname(root))
    await expect(open(root)).rejects.toMatchObject({ code: 'STORE_DIRECTORY', message: expect.stringMatching(text) })
    const after = picture(path.dirname(root))
    for (const [name, what] of before) expect(after.get(name) === what, name).toBe(true)
    // An open store has a mark; its next start looks through the log.
    const made = [...after.keys()].filter((name) => !before.has(name)).map((name) => path.basename(name))
    expect(made.filter((name) => name !== 'abort')).toEqual([])
  })

  it('security-X15 all that a store makes is its owner’s alone, whatever the process says of new files', async () => {
    const before = process.umask(0)
    try {
      const root = await used()
      const modes = [...picture(root)].map(([name, what]) => [path.relative(root, name), Number(what.split(' ')[0])] as const)
      expect(modes.length).toBeGreaterThan(10)
      for (const [name, mode] of [['.', lstatSync(root).mode] as const, ...modes]) {
        const isFolder = (mode & 0o170000) === 0o040000
        expect(mode & 0o777, name).toBe(isFolder ? 0o700 : 0o600)
      }
    } finally {
      process.umask(before)
    }
  })

  it('security-X15 nothing foreign is deleted: beside the log, in the root, in the folder of a deleted topic', async () => {
    const root = await used()
    const foreign = [
      'notes.txt',
      'timerwheel',
      'config/mine.json',
      'consumequeue/T/readme',
      'consumequeue/notes',
      'commitlog/folder/x'
    ]
    for (const name of foreign) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
      writeFileSync(path.join(root, name), 'mine')
    }
    const store = await open(root)
    store.deleteTopics(['T'])
    store.executeDeleteFilesManually()
    await store.shutdown()
    await (await open(root)).shutdown()
    for (const name of foreign) expect(readFileSync(path.join(root, name), 'utf8'), name).toBe('mine')
    expect(readdirSync(path.join(root, 'consumequeue', 'T'))).toEqual(['readme'])
  })
})
