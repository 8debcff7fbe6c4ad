import { CLIENT_LIMITS, FrameReader } from '../../src/protocol/frame-reader.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { NetworkSocket } from '../../src/transport/network.ts'

/** One end of a connection to a broker under test: raw bytes or commands out, decoded frames in, in their order. */
export class BrokerPeer {
  readonly socket: NetworkSocket
  /** Frames nobody has taken yet. */
  readonly frames: RemotingCommand[] = []
  readonly closed: Promise<void>
  #waiting: Array<{ resolve: (frame: RemotingCommand) => void; reject: (error: Error) => void }> = []
  #ended = false

  constructor(socket: NetworkSocket) {
    this.socket = socket
    const reader = new FrameReader(CLIENT_LIMITS, (bytes, start, end) => this.#take(RemotingCommand.decode(bytes, start, end)))
    // Frames are views of what was read; a copy keeps them.
    socket.on('data', (chunk: Buffer) => reader.push(Buffer.from(chunk)))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    void this.closed.then(() => {
      this.#ended = true
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the connection was closed'))
    })
  }

  next(): Promise<RemotingCommand> {
    const frame = this.frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#ended) return Promise.reject(new Error('the connection was closed'))
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  send(command: RemotingCommand): void {
    this.socket.write(frameToBuffer(command))
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  destroy(): void {
    this.socket.destroy()
  }

  #take(frame: RemotingCommand): void {
    const waiter = this.#waiting.shift()
    if (waiter === undefined) this.frames.push(frame)
    else waiter.resolve(frame)
  }
}
