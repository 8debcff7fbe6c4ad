import type {
  Network,
  NetworkConnectOptions,
  NetworkListener,
  NetworkSocket,
  TlsServerOptions
} from '../../src/transport/network.ts'

/** One party's view of a network: everything of this party can be cut off at once, as when its process is killed. */
export class KillableNetwork implements Network {
  readonly #network: Network
  readonly #sockets = new Set<NetworkSocket>()
  #killed = false

  constructor(network: Network) {
    this.#network = network
  }

  async connect(host: string, port: number, options: NetworkConnectOptions): Promise<NetworkSocket> {
    return this.#own(await this.#network.connect(host, port, options))
  }

  listen(
    host: string,
    port: number,
    onConnection: (socket: NetworkSocket) => void,
    options?: { tls?: TlsServerOptions | undefined }
  ): Promise<NetworkListener> {
    return this.#network.listen(host, port, (socket) => onConnection(this.#own(socket)), options)
  }

  /** Nothing that arrives from now on is read. */
  pause(): void {
    for (const socket of this.#sockets) socket.pause()
  }

  kill(): void {
    this.#killed = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #own(socket: NetworkSocket): NetworkSocket {
    if (this.#killed) socket.destroy()
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }
}
