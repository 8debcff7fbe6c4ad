import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'

/** The connection a frame passed, as far as a journal wants to know. */
export interface JournalPeer {
  /** `host:port` of the other side. */
  readonly remoteAddr: string
}

/** Told of every frame that a server's connections read and write. No call may throw. */
export interface FrameJournal {
  /** A frame that could be decoded, `bytes[start, end)`; the bytes stay as they are. */
  received(peer: JournalPeer, bytes: Buffer, start: number, end: number, isResponse: boolean): void
  /** A frame that was encoded for the wire; it is not changed any more, but the bytes of its body may be. */
  sent(peer: JournalPeer, frame: OutgoingFrame): void
  /** Bytes that are no frame, written by a fault. */
  sentRaw(peer: JournalPeer, bytes: Uint8Array): void
}
