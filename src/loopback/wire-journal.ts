import type { Clock } from '../internal/clock.ts'
import { RingQueue } from '../internal/ring-queue.ts'
import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'
import { frameToBuffer } from '../protocol/outgoing-frame.ts'
import type { FrameJournal, JournalPeer } from '../transport/frame-journal.ts'

/** How much a journal keeps. */
export interface JournalLimits {
  /** Requests; their answers are kept beside them. */
  requests: number
  /** Bytes of all frames. */
  bytes: number
}

/** What an answer that is still to be encoded counts, bytes. */
const SMALL_FRAME = 512

/** A frame that passed a server's connection. */
export interface JournalFrame {
  /** `namesrv`, or the broker's name. */
  readonly server: string
  /** `host:port` of the other side. */
  readonly remoteAddr: string
  readonly received: boolean
  /** Wall clock, ms since 1970. */
  readonly timestamp: number
  /** Frames without a body are encoded when somebody reads them: encoding them twice is most of what a journal could cost. */
  bytes: Uint8Array | OutgoingFrame
  readonly size: number
  readonly isRequest: boolean
}

/**
 * The last frames of all servers, in the order they passed. The hot path pushes one object a frame and copies no byte of what was
 * received: a frame is a view of the chunk it came in.
 */
export class WireJournal {
  readonly #limits: JournalLimits
  readonly #clock: Clock
  #frames = new RingQueue<JournalFrame>(1024)
  #requests = 0
  #bytes = 0
  /** Frames that had to go, so that a reader can be told. */
  #dropped = 0

  constructor(limits: JournalLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Frames that were dropped because of the limits. */
  get dropped(): number {
    return this.#dropped
  }

  /** The half of the journal that one server writes. */
  of(server: string): FrameJournal {
    return {
      received: (peer, bytes, start, end, isResponse) =>
        this.#add(server, peer, true, bytes.subarray(start, end), end - start, !isResponse),
      sent: (peer, frame) => {
        const small = frame.body === undefined
        const bytes = small ? frame : frameToBuffer(frame)
        this.#add(server, peer, false, bytes, small ? SMALL_FRAME : (bytes as Uint8Array).length, (frame.flag & 1) === 0)
      },
      sentRaw: (peer, bytes) => this.#add(server, peer, false, Buffer.from(bytes), bytes.length, false)
    }
  }

  /** Oldest first. */
  *frames(): IterableIterator<JournalFrame & { bytes: Uint8Array }> {
    for (const frame of this.#frames.values()) {
      if (!ArrayBuffer.isView(frame.bytes)) frame.bytes = frameToBuffer(frame.bytes)
      yield frame as JournalFrame & { bytes: Uint8Array }
    }
  }

  clear(): void {
    this.#frames = new RingQueue<JournalFrame>(1024)
    this.#requests = 0
    this.#bytes = 0
    this.#dropped = 0
  }

  #add(
    server: string,
    peer: JournalPeer,
    received: boolean,
    bytes: Uint8Array | OutgoingFrame,
    size: number,
    isRequest: boolean
  ): void {
    const { remoteAddr } = peer
    this.#frames.push({ server, remoteAddr, received, timestamp: this.#clock.now(), bytes, size, isRequest })
    this.#bytes += size
    if (isRequest) this.#requests++
    const { requests, bytes: maxBytes } = this.#limits
    while (this.#requests > requests || this.#bytes > maxBytes) {
      const oldest = this.#frames.shift()
      if (oldest === undefined) return
      this.#bytes -= oldest.size
      this.#dropped++
      if (oldest.isRequest) this.#requests--
    }
  }
}
