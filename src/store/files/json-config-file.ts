import { readFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import path from 'node:path'
import { type Logger, logText } from '../../internal/logger.ts'
import { type FastjsonObject, isObject, parseFastjson } from '../../protocol/fastjson.ts'
import { type FileLayer, nodeFiles, withFile } from './file-layer.ts'
import { badStore, isNotFound } from './file-ops.ts'

/**
 * A table of the broker as JSON in a file, and the version before it in `<file>.bak`; Java's `ConfigManager`. Whatever happens, the file is a
 * whole old or a whole new version: it is written beside, synced, and renamed, and then the folder is synced.
 */
export class JsonConfigFile {
  readonly path: string
  readonly #logger: Logger
  readonly #files: FileLayer
  /** Whether the file holds what is worth a backup. */
  #whole = false
  #running: Promise<void> | undefined
  /** The next version, while one is being written. */
  #next: { encode: () => string; promise: Promise<void> } | undefined

  /** @param files where versions are written. @default the file system of this machine */
  constructor(file: string, logger: Logger, files: FileLayer = nodeFiles) {
    this.path = file
    this.#logger = logger
    this.#files = files
  }

  /**
   * What the file holds, or its backup when the file is missing, empty or damaged; undefined when there is neither.
   * @throws MQClientException (`STORE_DIRECTORY`) when what is there cannot be read as a JSON object
   */
  load(): FastjsonObject | undefined {
    const problems: string[] = []
    for (const file of [this.path, `${this.path}.bak`]) {
      let text: string
      try {
        text = readFileSync(file, 'utf8')
      } catch (error) {
        if (!isNotFound(error)) problems.push(`${file}: ${logText(error)}`)
        continue
      }
      if (text.trim() === '') continue
      try {
        const value = parseFastjson(text)
        if (!isObject(value)) throw new Error('it is not a JSON object')
        if (file === this.path) this.#whole = true
        else if (problems.length > 0) this.#logger.warn(`${problems[0]}; its backup ${file} was read instead`)
        return value
      } catch (error) {
        problems.push(`${file}: ${logText(error)}`)
      }
    }
    if (problems.length === 0) return undefined
    throw badStore(`${this.path} cannot be read (${problems.join('; ')})`, 'correct the file, or move it and its .bak away')
  }

  /**
   * Writes a new version, durably. Calls that come while one is being written share the next.
   * @param encode called when the version is written
   * @throws what the disk says; the file is the version before it then
   */
  persist(encode: () => string): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.encode = encode
      return this.#next.promise
    }
    if (this.#running === undefined) return this.#start(encode)
    const promise = this.#running
      .catch(() => {})
      .then(() => {
        const next = this.#next!
        this.#next = undefined
        return this.#start(next.encode)
      })
    this.#next = { encode, promise }
    return promise
  }

  #start(encode: () => string): Promise<void> {
    const running = this.#write(encode).finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #write(encode: () => string): Promise<void> {
    const files = this.#files
    const folder = path.dirname(this.path)
    if ((await files.lstat(folder)) === undefined) {
      await files.mkdir(folder)
      await files.syncDirectory(path.dirname(folder))
    }
    const fresh = `${this.path}.tmp`
    await files.unlink(fresh).catch(ignoreMissing)
    await withFile(files, fresh, 'create', async (fd) => {
      await files.write(fd, Buffer.from(encode()), 0)
      await files.fsync(fd)
    })
    if (this.#whole) await this.#backUp()
    await files.rename(fresh, this.path)
    await files.syncDirectory(folder)
    this.#whole = true
  }

  /** The backup too is a whole version at any time. */
  async #backUp(): Promise<void> {
    const files = this.#files
    const fresh = `${this.path}.bak.tmp`
    await files.unlink(fresh).catch(ignoreMissing)
    try {
      await files.link(this.path, fresh)
    } catch {
      // Not every file system has links.
      await copyFile(this.path, fresh)
    }
    await files.rename(fresh, `${this.path}.bak`)
  }
}

function ignoreMissing(error: unknown): void {
  if (!isNotFound(error)) throw error
}
