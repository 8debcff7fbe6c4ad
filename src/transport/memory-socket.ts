import { Duplex } from 'node:stream'
import type { Address } from '../internal/address.ts'
import { nextTick, nextTurn } from '../internal/turns.ts'

/** What a socket's receive buffer holds before the sender has to wait, bytes. */
const WINDOW = 256 * 1024

/**
 * One end of an in-memory connection. Bytes never reach the other end within a write: the accepting end gets them when the callback that
 * wrote them has ended, once a turn of the event loop, the connecting end in the next turn. So an answer costs one turn, and a program
 * that awaits send after send still lets timers and sockets run. A write calls back when the other end has room for it, and its bytes are
 * copied, since the writer may use its buffer again then.
 */
export class MemorySocket extends Duplex {
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  peer: MemorySocket | undefined
  bytesWritten = 0
  bytesRead = 0
  /** Chunks on their way to this end. */
  #arriving: Buffer[] = []
  #arrivingBytes = 0
  #ended = false
  #endArrived = false
  #scheduled = false
  /** Whether bytes may arrive in this turn of the event loop. */
  #soon: boolean
  #wantsData = false
  /** The other end's write that waits for room here. */
  #blocked: (() => void) | undefined

  constructor(local: Address, remote: Address, accepting: boolean) {
    super({ allowHalfOpen: false, autoDestroy: true, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 })
    this.localAddress = local.host
    this.localPort = local.port
    this.remoteAddress = remote.host
    this.remotePort = remote.port
    this.#soon = accepting
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#give(Buffer.from(chunk), callback)
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, callback: (error?: Error | null) => void): void {
    this.#give(Buffer.concat(chunks.map((entry) => entry.chunk)), callback)
  }

  #give(bytes: Buffer, callback: (error?: Error | null) => void): void {
    const peer = this.peer
    if (peer === undefined || peer.destroyed) {
      // As with TCP: what is written before the end has arrived here goes nowhere, and what is on its way here still comes.
      if (!this.#endArrived) callback()
      else callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      return
    }
    this.bytesWritten += bytes.length
    peer.#receive(bytes, callback)
  }

  #receive(bytes: Buffer, taken: () => void): void {
    this.#arriving.push(bytes)
    this.#arrivingBytes += bytes.length
    if (this.#arrivingBytes > WINDOW) this.#blocked = taken
    else taken()
    this.#schedule()
  }

  override _read(): void {
    this.#wantsData = true
    if (this.#arriving.length > 0 || this.#ended) this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.destroyed) return
    this.#scheduled = true
    if (!this.#soon) {
      nextTurn(this.#deliver)
      return
    }
    this.#soon = false
    nextTick(this.#deliver)
    nextTurn(this.#turned)
  }

  readonly #turned = (): void => {
    this.#soon = true
  }

  readonly #deliver = (): void => {
    this.#scheduled = false
    if (this.destroyed) return
    while (this.#wantsData && this.#arriving.length > 0) {
      const bytes = this.#arriving.shift() as Buffer
      this.#arrivingBytes -= bytes.length
      this.bytesRead += bytes.length
      this.#wantsData = this.push(bytes)
      if (this.#arrivingBytes <= WINDOW) this.#unblock()
    }
    if (this.#ended && this.#arriving.length === 0 && !this.destroyed) {
      this.#endArrived = true
      this.push(null)
    }
  }

  #unblock(): void {
    const blocked = this.#blocked
    this.#blocked = undefined
    blocked?.()
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.peer !== undefined) this.peer.#end()
    callback()
  }

  #end(): void {
    this.#ended = true
    this.#schedule()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const peer = this.peer
    this.peer = undefined
    this.#arriving = []
    this.#unblock()
    if (peer !== undefined && !peer.destroyed) {
      peer.#peerGone()
      peer.#end()
    }
    callback(error)
  }

  /** A write of ours that waited for room at the other end will not find any. */
  #peerGone(): void {
    this.#schedule()
  }

  /** Ends the connection as a reset: the other end fails with ECONNRESET, bytes under way are lost. */
  resetAndDestroy(): this {
    const peer = this.peer
    this.peer = undefined
    if (peer !== undefined && !peer.destroyed) {
      peer.peer = undefined
      nextTurn(() => peer.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })))
    }
    return this.destroy()
  }

  /** As TCP sockets have them, so that either kind may be given to code that sets them. */
  setNoDelay(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** Two connected ends: the client's, the server's. */
export function memoryPair(client: Address, server: Address): [MemorySocket, MemorySocket] {
  const a = new MemorySocket(client, server, false)
  const b = new MemorySocket(server, client, true)
  a.peer = b
  b.peer = a
  return [a, b]
}
