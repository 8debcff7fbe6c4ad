import { CLIENT_LIMITS, FrameReader } from '../../src/protocol/frame-reader.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { Network, NetworkSocket } from '../../src/transport/network.ts'
import { EventQueue } from './event-queue.ts'

/** A client of any network that sends bytes as they are and takes answers one by one. */
export class RawPeer {
  readonly frames = new EventQueue<RemotingCommand>()
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
  readonly #socket: NetworkSocket

  private constructor(socket: NetworkSocket) {
    this.#socket = socket
    const reader = new FrameReader(CLIENT_LIMITS, (bytes, start, end) =>
      this.frames.push(RemotingCommand.decode(bytes, start, end))
    )
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    void this.closed.then(() => this.frames.end())
  }

  static async connect(network: Network, { host, port }: { host: string; port: number }): Promise<RawPeer> {
    return new RawPeer(await network.connect(host, port, {}))
  }

  get ended(): boolean {
    return this.#socket.destroyed
  }

  /** The next answer; rejects when none can come any more. */
  next(): Promise<RemotingCommand> {
    return this.frames.next()
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  send(command: RemotingCommand): void {
    this.write(frameToBuffer(command))
  }

  /** Takes nothing more from the socket. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
