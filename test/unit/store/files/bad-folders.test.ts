import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { FaultyFiles, systemError } from '../../../support/faulty-files.ts'
import { storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()

async function open(root: string, files?: FaultyFiles, size = 8192): Promise<DefaultMessageStore> {
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: size, maxHashSlotNum: 100, maxIndexNum: 400 },
    { clock: new HeldClock(), logger: silentLogger, files: files === undefined ? { root } : { root, files } }
  )
  await store.start()
  return store
}

/** A store that was used and closed. */
async function used(): Promise<string> {
  const root = folder()
  const store = await open(root)
  for (let i = 0; i < 30; i++) await store.asyncPutMessage(message({ body: 'x'.repeat(500) }))
  await store.shutdown()
  return root
}

const contents = (root: string): Map<string, string> =>
  new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((name) => [name, readFileSync(name, 'latin1')])
  )

it.each<[string, (root: string) => Promise<unknown>, RegExp]>([
  [
    'a folder that is open already',
    async (root) => {
      const store = await open(root)
      return open(root).finally(() => store.shutdown())
    },
    /store is open in another store: close that one, or use another folder/
  ],
  [
    'a folder that may not be written to',
    (root) => {
      const files = new FaultyFiles()
      files.before = (operation) => {
        if (operation === 'open' || operation === 'mkdir') throw systemError('EACCES')
        return undefined
      }
      return open(root, files)
    },
    /store cannot be opened: .*EACCES.*its files need read and write permission/
  ],
  [
    'a file system that is mounted for reading',
    (root) => {
      const files = new FaultyFiles()
      // Reading is allowed.
      files.before = (operation, file) => {
        if (file.endsWith('/abort') && operation === 'open') throw systemError('EROFS')
        return undefined
      }
      return open(root, files)
    },
    /store cannot be opened: .*EROFS.*mount it for writing/
  ],
  ['another file size', (root) => open(root, undefined, 16_384), /written with mappedFileSizeCommitLog 8192, not 16384/],
  [
    'a file in the place of the folder',
    (root) => {
      writeFileSync(`${root}.file`, 'mine')
      return open(`${root}.file`)
    },
    /store\.file is not a folder/
  ],
  [
    // Its parent is there, and yet the system says ENOENT: Node's recursive mkdir would go round for ever.
    'a folder where the system has none made',
    (root) => (process.platform === 'linux' ? open('/proc/rocketmq/store') : open(path.join(root, 'lock', 'store'))),
    /store cannot be opened: .*(ENOENT|ENOTDIR).*use another folder/
  ],
  [
    'a folder in the place of a table',
    (root) => {
      mkdirSync(path.join(root, 'consumequeue', 'T', '0', '99999999999999999999'), { recursive: true })
      mkdirSync(path.join(root, 'checkpoint.d'))
      writeFileSync(path.join(root, 'commitlog', 'core.1234'), 'dump')
      return open(root)
    },
    /core\.1234 is no file of a commit log: move it away/
  ]
])('%s: the error names the path and what to do, and no file changes', async (_, start, text) => {
  const root = await used()
  const before = contents(root)
  const refusal = await start(root).then(
    () => new Error('it was opened'),
    (error: unknown) => error as Error
  )
  expect(refusal.message).toMatch(text)
  expect(refusal).toMatchObject({ code: expect.stringMatching(/^STORE_/) })
  const after = contents(root)
  for (const [name, bytes] of before) {
    if (name.includes('commitlog/')) expect(after.get(name) === bytes, name).toBe(true)
  }
})

it.each([0, 511, 2 ** 31, 1.5, Number.NaN])(
  'mappedFileSizeCommitLog %d is refused with its bounds',
  (mappedFileSizeCommitLog) => {
    expect(() => new DefaultMessageStore({ mappedFileSizeCommitLog }, { clock: new HeldClock(), logger: silentLogger })).toThrow(
      `mappedFileSizeCommitLog: ${mappedFileSizeCommitLog} is not a whole number from 512 to 2147483647`
    )
  }
)
