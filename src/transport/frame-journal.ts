/** Told of every frame that the connections of a server read and write. */
export interface FrameJournal {
  /** The part that one connection writes. @param remoteAddr `host:port` of the other side. */
  of(remoteAddr: string): ConnectionJournal
}

/** What one connection tells a journal. No call may throw; all bytes are only good until it returns. */
export interface ConnectionJournal {
  /** A frame that could be decoded, `bytes[start, end)`. */
  received(bytes: Buffer, start: number, end: number, isResponse: boolean): void
  /** A frame that was encoded for the wire, `bytes[start, end)`, and `body` behind it where that was not copied there. */
  sent(bytes: Uint8Array, start: number, end: number, body: Uint8Array | undefined, isResponse: boolean): void
}
