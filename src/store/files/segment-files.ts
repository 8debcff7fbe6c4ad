import path from 'node:path'
import { type Logger, logText } from '../../internal/logger.ts'
import type { FileLayer } from './file-layer.ts'
import { COMMIT_LOG_DIR, createSegment, type LogSegment, segmentName } from './log-segment.ts'

export interface SegmentFilesOptions {
  root: string
  files: FileLayer
  /** Bytes of each file. */
  segmentSize: number
  logger: Logger
}

/**
 * The files of the log: those that are part of it, oldest first, and those that are made ahead of time. Java's `MappedFileQueue` and
 * `AllocateMappedFileService`.
 */
export class SegmentFiles {
  readonly #options: SegmentFilesOptions
  /** Part of the log, by their first offset. */
  readonly #segments = new Map<number, LogSegment>()
  /** Made, or being made, and not part of the log yet. */
  #spare: LogSegment[] = []
  /** They share a temporary name, so they are made one after the other. */
  #making: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: SegmentFilesOptions) {
    this.#options = options
  }

  /** Oldest first. */
  get all(): IterableIterator<LogSegment> {
    return this.#segments.values()
  }

  get count(): number {
    return this.#segments.size
  }

  get first(): LogSegment | undefined {
    return this.#segments.values().next().value
  }

  /** The one that holds an offset. */
  at(physicalOffset: number): LogSegment | undefined {
    const { segmentSize } = this.#options
    return this.#segments.get(Math.floor(physicalOffset / segmentSize) * segmentSize)
  }

  path(start: number): string {
    return path.join(this.#options.root, COMMIT_LOG_DIR, segmentName(start))
  }

  /** These are there already. */
  attach(starts: readonly number[]): void {
    for (const start of starts) this.#segments.set(start, this.#segment(start))
  }

  /** Opens one that is there for writing; whoever needs it waits for its `ready`. */
  open(segment: LogSegment): void {
    this.#await(segment, this.#options.files.open(segment.path, 'write'))
  }

  /** The log goes on in a file that begins at `start`: the one that was made ahead, or one that is being made now. */
  roll(start: number): LogSegment {
    let segment = this.#spare[0]
    if (segment?.start === start) this.#spare.shift()
    else segment = this.#make(start)
    this.#segments.set(start, segment)
    return segment
  }

  /** Makes the file that begins at `start` ahead of time. */
  prepare(start: number): void {
    if (this.#closed || this.#spare.length > 0) return
    const segment = this.#make(start)
    this.#spare.push(segment)
    segment.ready!.catch((error: unknown) => {
      // The one that is needed tries again.
      this.#spare = this.#spare.filter((spare) => spare !== segment)
      this.#options.logger.warn(`${segment.path} could not be made ahead: ${logText(error)}`)
    })
  }

  /** Files that begin at or behind `end` wait for their turn again; those that could not be made are made again when it comes. */
  takeBack(end: number): void {
    const behind = [...this.#segments.values()].filter(({ start }) => start >= end)
    for (const { start } of behind) this.#segments.delete(start)
    this.#spare = [...behind, ...this.#spare].filter(({ fd }) => fd !== undefined)
  }

  /** An empty log begins elsewhere: the file that was made for its beginning goes before the next one is made. */
  discard(): void {
    const { files, logger } = this.#options
    for (const segment of [...this.#segments.values(), ...this.#spare.splice(0)]) {
      const gone = (segment.ready ?? Promise.resolve()).then(async () => {
        if (segment.fd !== undefined) await files.close(segment.fd)
        await files.unlink(segment.path)
      })
      this.#making = gone.catch((error: unknown) => logger.warn(`${segment.path} stays: ${logText(error)}`))
    }
    this.#segments.clear()
  }

  /** Not part of the log any more; {@link remove} it next. */
  forget({ start }: LogSegment): void {
    this.#segments.delete(start)
  }

  /** Deletes a file, durably. */
  async remove(segment: LogSegment): Promise<void> {
    const { files } = this.#options
    await files.unlink(segment.path)
    await files.syncDirectory(path.dirname(segment.path))
    if (segment.fd !== undefined) await files.close(segment.fd)
  }

  /** Lets go of all files; one that was made ahead and holds nothing is removed. */
  async close(): Promise<void> {
    this.#closed = true
    const { files, logger } = this.#options
    for (const segment of [...this.#segments.values(), ...this.#spare]) {
      await segment.ready?.catch(() => {})
      if (segment.fd !== undefined) await files.close(segment.fd)
      segment.fd = undefined
    }
    for (const { path: name, ready } of this.#spare) {
      if (ready === undefined) continue
      await files.unlink(name).catch((error: unknown) => logger.warn(`${name} stays: ${logText(error)}`))
    }
    this.#spare = []
    this.#segments.clear()
  }

  #segment(start: number): LogSegment {
    return { start, path: this.path(start), fd: undefined, ready: undefined }
  }

  #make(start: number): LogSegment {
    const segment = this.#segment(start)
    const { files, root, segmentSize } = this.#options
    this.#await(
      segment,
      this.#making.catch(() => {}).then(() => createSegment(files, root, start, segmentSize))
    )
    this.#making = segment.ready!
    return segment
  }

  #await(segment: LogSegment, opened: Promise<number>): void {
    segment.ready = opened.then((fd) => {
      segment.fd = fd
    })
    // Whoever needs the segment sees the failure; nobody may.
    segment.ready.catch(() => {})
  }
}
