import type { Clock } from '../internal/clock.ts'
import { nextTurn } from '../internal/turns.ts'
import { type FrameLimits, FrameReader } from '../protocol/frame-reader.ts'
import type { NetworkSocket } from './network.ts'
import type { TurnBudget } from './turn-budget.ts'

/**
 * A connection that has brought so many frames goes on in the next turn of the event loop. Node alone reads up to 2 MiB in a turn,
 * which tens of thousands of small requests fill: a second in which nobody else is served. The time that a {@link TurnBudget} gives ends
 * a server's turns sooner; a client has none, and a held clock does not move within a turn.
 */
const FRAMES_A_TURN = 512

export interface FrameIntakeDeps {
  readonly clock: Clock
  readonly limits: FrameLimits
  /** How long frames are taken in one turn of the event loop, over all connections. @default as long as there are any */
  readonly turn?: TurnBudget | undefined
  onFrame(bytes: Buffer, start: number, end: number): void
  /**
   * What there was has been taken, as far as this turn allows.
   * @param now monotonic ms
   * @param begun bytes of a frame that is not whole
   * @param frames whether any frame was whole
   */
  onTaken(now: number, begun: number, frames: boolean): void
  /** The bytes break the protocol, or a frame does: nothing more is taken. */
  onBroken(error: unknown): void
}

/** Takes frames from a socket, a piece a turn, and none while what was answered before is not read. */
export class FrameIntake {
  readonly #socket: NetworkSocket
  readonly #deps: FrameIntakeDeps
  readonly #reader: FrameReader
  #frames = 0
  #framesAtYield = 0
  #held = false
  /** Nothing is read until the next turn of the event loop. */
  #yielding = false
  #stopped = false

  constructor(socket: NetworkSocket, deps: FrameIntakeDeps) {
    this.#socket = socket
    this.#deps = deps
    this.#reader = new FrameReader(
      deps.limits,
      (bytes, start, end) => this.#onFrame(bytes, start, end),
      () => this.#mayGoOn()
    )
  }

  /** Whether it waits for {@link release}. */
  get held(): boolean {
    return this.#held
  }

  /** Takes the frames of a chunk. @param now monotonic ms */
  push(chunk: Buffer, now: number): void {
    this.#take(now, chunk)
  }

  /** Takes nothing more until {@link release}. */
  hold(): void {
    if (this.#held || this.#stopped) return
    this.#held = true
    this.#socket.pause()
  }

  /** Goes on in the next turn. */
  release(): void {
    this.#held = false
    this.#yield()
  }

  /** Takes nothing more, for good. */
  stop(): void {
    this.#stopped = true
    this.#held = false
  }

  #take(now: number, chunk?: Buffer): void {
    const frames = this.#frames
    this.#deps.turn?.begin(now)
    try {
      if (chunk === undefined) this.#reader.goOn()
      else this.#reader.push(chunk)
    } catch (error) {
      this.#deps.onBroken(error)
      return
    }
    if (this.#reader.stopped || this.#frames - this.#framesAtYield >= FRAMES_A_TURN) this.#yield()
    this.#deps.onTaken(now, this.#reader.pendingBytes, this.#frames !== frames)
  }

  #onFrame(bytes: Buffer, start: number, end: number): void {
    if (this.#stopped) return
    this.#frames++
    this.#deps.onFrame(bytes, start, end)
  }

  #mayGoOn(): boolean {
    if (this.#stopped) return true
    return !this.#held && this.#frames - this.#framesAtYield < FRAMES_A_TURN && this.#deps.turn?.spent !== true
  }

  #yield(): void {
    if (this.#stopped || this.#yielding) return
    this.#yielding = true
    this.#socket.pause()
    nextTurn(() => this.#goOn())
  }

  #goOn(): void {
    this.#yielding = false
    this.#framesAtYield = this.#frames
    // What waits to be written goes first.
    if (this.#stopped || this.#held) return
    if (this.#reader.stopped) this.#take(this.#deps.clock.monotonic())
    if (!this.#yielding && !this.#held && !this.#stopped) this.#socket.resume()
  }
}
