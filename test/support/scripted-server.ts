import net from 'node:net'
import { CLIENT_LIMITS, FrameReader } from '../../src/protocol/frame-reader.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { RemotingCommand as Command } from '../../src/protocol/remoting-command.ts'
import { EventQueue } from './event-queue.ts'

/** One peer of a {@link ScriptedServer}, or the scripted client itself: raw bytes out, decoded frames in. */
export class ScriptedPeer {
  readonly socket: net.Socket
  /** Frames as they came. */
  readonly frames = new EventQueue<RemotingCommand>()
  /** Resolves when the connection has ended, however it did. */
  readonly closed: Promise<void>
  /** The error the socket ended with. */
  error: NodeJS.ErrnoException | undefined
  bytesRead = 0

  constructor(socket: net.Socket) {
    this.socket = socket
    const reader = new FrameReader(CLIENT_LIMITS, (bytes, start, end) => this.frames.push(Command.decode(bytes, start, end)))
    socket.on('data', (chunk: Buffer) => {
      this.bytesRead += chunk.length
      try {
        reader.push(chunk)
      } catch (error) {
        socket.destroy(error as Error)
      }
    })
    socket.on('error', (error) => {
      this.error = error
    })
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    void this.closed.then(() => this.frames.end())
  }

  /** The next frame. */
  next(): Promise<RemotingCommand> {
    return this.frames.next()
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  send(command: RemotingCommand): void {
    this.socket.write(frameToBuffer(command))
  }

  /** Answers `request`. */
  answer(request: RemotingCommand, code = 0, remark?: string, fields?: Record<string, string>, body?: Buffer): void {
    this.send(Command.response(request, code, remark, fields, body))
  }

  /** Ends with a reset instead of an orderly end. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** A server that does what the test says, over real sockets on 127.0.0.1. */
export class ScriptedServer {
  readonly peers = new EventQueue<ScriptedPeer>()
  readonly all: ScriptedPeer[] = []
  readonly #server: net.Server

  private constructor(server: net.Server) {
    this.#server = server
  }

  /** @param onRequest answers each frame; without it the test reads `peer.next()` itself. */
  static async start(
    onRequest?: (peer: ScriptedPeer, request: RemotingCommand) => void,
    host = '127.0.0.1'
  ): Promise<ScriptedServer> {
    const server = net.createServer({ noDelay: true })
    const scripted = new ScriptedServer(server)
    server.on('connection', (socket) => {
      const peer = new ScriptedPeer(socket)
      scripted.all.push(peer)
      if (onRequest !== undefined) peer.frames.onEach((request) => onRequest(peer, request))
      scripted.peers.push(peer)
    })
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    return scripted
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  get addr(): string {
    const { address, port } = this.#server.address() as net.AddressInfo
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  }

  /** The next connection. */
  accept(): Promise<ScriptedPeer> {
    return this.peers.next()
  }

  async close(): Promise<void> {
    for (const peer of this.all) peer.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A client that does what the test says. */
export function scriptedClient(port: number, host = '127.0.0.1'): Promise<ScriptedPeer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.removeListener('error', reject)
      resolve(new ScriptedPeer(socket))
    })
  })
}
