import { readFileSync } from 'node:fs'
import { copyFile, link, mkdir, open, rename, unlink } from 'node:fs/promises'
import path from 'node:path'
import { type Logger, logText } from '../../internal/logger.ts'
import { type FastjsonObject, isObject, parseFastjson } from '../../protocol/fastjson.ts'
import { badStore, FILE_MODE, FOLDER_MODE, isNotFound, syncFolder } from './file-ops.ts'

/**
 * A table of the broker as JSON in a file, and the version before it in `<file>.bak`; Java's `ConfigManager`. Whatever happens, the file is a
 * whole old or a whole new version: it is written beside, synced, and renamed, and then the folder is synced.
 */
export class JsonConfigFile {
  readonly path: string
  readonly #logger: Logger
  /** Whether the file holds what is worth a backup. */
  #whole = false
  #running: Promise<void> | undefined
  /** The next version, while one is being written. */
  #next: { encode: () => string; promise: Promise<void> } | undefined

  constructor(file: string, logger: Logger) {
    this.path = file
    this.#logger = logger
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
    const folder = path.dirname(this.path)
    const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    const fresh = `${this.path}.tmp`
    const handle = await open(fresh, 'w', FILE_MODE)
    try {
      await handle.writeFile(encode(), 'utf8')
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (this.#whole) await this.#backUp()
    await rename(fresh, this.path)
    await syncFolder(folder)
    if (made !== undefined) await syncFolder(path.dirname(made))
    this.#whole = true
  }

  /** The backup too is a whole version at any time. */
  async #backUp(): Promise<void> {
    const fresh = `${this.path}.bak.tmp`
    await unlink(fresh).catch(ignoreMissing)
    try {
      await link(this.path, fresh)
    } catch {
      // Not every file system has links.
      await copyFile(this.path, fresh)
    }
    await rename(fresh, `${this.path}.bak`)
  }
}

function ignoreMissing(error: unknown): void {
  if (!isNotFound(error)) throw error
}
