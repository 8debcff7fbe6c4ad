import net from 'node:net'
import type { Activity, ActivityProbe } from '../internal/activity.ts'
import { formatAddress } from '../internal/address.ts'
import type { Clock } from '../internal/clock.ts'
import { MemoryNetwork } from './memory-network.ts'
import type { Network, NetworkSocket } from './network.ts'
import { tcpNetwork } from './tcp-network.ts'

/** One end of a connection. */
interface End {
  readonly socket: NetworkSocket
  /** `host:port`, as its peer sees it. */
  readonly local: string
  readonly remote: string
  readonly accepted: boolean
  /** The other end, where that is on the same clock and known by now. */
  peer: End | undefined
  closed: boolean
}

/** The sockets of those who share a clock; who reads what another has written is known by counting bytes, at no cost on their way. */
class WatchedSockets implements ActivityProbe {
  readonly #activity: Activity
  readonly #ends = new Set<End>()
  readonly #bySocket = new Map<NetworkSocket, End>()
  readonly #byAddress = new Map<string, End>()
  /** Ports of this machine that somebody on this clock listens on, or has: connecting to one ends by itself. */
  readonly #ports = new Set<number>()

  constructor(activity: Activity) {
    this.#activity = activity
  }

  listens(port: number): void {
    this.#ports.add(port)
  }

  isOurs(port: number): boolean {
    return this.#ports.has(port)
  }

  add(socket: NetworkSocket, accepted: boolean): void {
    // One that does not count its bytes cannot be watched.
    if (socket.bytesRead === undefined || socket.destroyed) return
    const local = formatAddress(socket.localAddress ?? '', socket.localPort ?? 0)
    const remote = formatAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0)
    const tcp = socket instanceof net.Socket
    const peer = tcp ? this.#byAddress.get(`${remote} ${local}`) : socket.peer && this.#bySocket.get(socket.peer)
    const end: End = { socket, local, remote, accepted, peer, closed: false }
    if (peer !== undefined) peer.peer = end
    this.#ends.add(end)
    if (tcp) this.#byAddress.set(`${local} ${remote}`, end)
    else this.#bySocket.set(socket, end)
    socket.once('close', () => this.#closed(end))
  }

  busy(): boolean {
    for (const end of this.#ends) if (this.#isBusy(end)) return true
    return false
  }

  lines(): string[] {
    return [...this.#ends].filter((end) => this.#isBusy(end)).map((end) => this.#line(end))
  }

  /** Whether the end has something to read, or a close to notice; one that does not read has not. */
  #isBusy({ socket, peer, accepted, local, remote }: End): boolean {
    if (socket.destroyed) return false
    if (peer === undefined) {
      // The system has connected us; whoever listens has not got to it yet.
      return !accepted && written(socket) > 0 && this.#isOurOwn(socket, local, remote)
    }
    if (socket.isPaused()) return false
    if (written(peer.socket) > read(socket)) return true
    return (peer.socket.destroyed || peer.socket.writableEnded) && !socket.readableEnded
  }

  /** Whether the other end of a TCP connection is in this process: on this machine, at a port that we listen on. */
  #isOurOwn(socket: NetworkSocket, local: string, remote: string): boolean {
    return socket instanceof net.Socket && this.#ports.has(portOf(remote)) && hostOf(local) === hostOf(remote)
  }

  #line({ socket, peer, local, remote }: End): string {
    const [here, there] = [this.#activity.named(local), this.#activity.named(remote)]
    if (peer === undefined) return `connection from ${here} to ${there}: not accepted yet`
    const bytes = written(peer.socket) - read(socket)
    return bytes > 0
      ? `${bytes} bytes from ${there} to ${here}: not read yet`
      : `${here} has not noticed yet that ${there} closed the connection`
  }

  #closed(end: End): void {
    end.closed = true
    // The other end may have something to read and to notice.
    if (end.peer !== undefined && !end.peer.closed) return
    for (const gone of end.peer === undefined ? [end] : [end, end.peer]) {
      this.#ends.delete(gone)
      this.#bySocket.delete(gone.socket)
      const address = `${gone.local} ${gone.remote}`
      if (this.#byAddress.get(address) === gone) this.#byAddress.delete(address)
    }
  }
}

const watched = new WeakMap<Activity, WatchedSockets>()

/**
 * The network as those see it who share a clock: with one that waits for them it learns what is under way; with any other it is the
 * network itself.
 */
export function networkOn(network: Network, { activity }: Clock): Network {
  if (activity === undefined) return network
  let sockets = watched.get(activity)
  if (sockets === undefined) {
    sockets = new WatchedSockets(activity)
    watched.set(activity, sockets)
    activity.watch(sockets)
  }
  return watchedNetwork(network, activity, sockets)
}

function watchedNetwork(network: Network, activity: Activity, sockets: WatchedSockets): Network {
  return {
    async connect(host, port, options) {
      const connecting = network.connect(host, port, options)
      // Elsewhere, and on a network of the application's, it may take as long as the clock allows.
      const ours = network === tcpNetwork && sockets.isOurs(port)
      const socket = await (ours ? activity.track(connecting, `connecting to ${formatAddress(host, port)}`) : connecting)
      sockets.add(socket, false)
      return socket
    },
    async listen(host, port, onConnection, options) {
      const accept = (socket: NetworkSocket): void => {
        sockets.add(socket, true)
        onConnection(socket)
      }
      const at = formatAddress(host, port)
      const listener = await activity.track(network.listen(host, port, accept, options), `beginning to listen at ${at}`)
      if (!(network instanceof MemoryNetwork)) sockets.listens(listener.port)
      const close = (): Promise<void> => activity.track(listener.close(), `ending to listen at ${at}`)
      return { host: listener.host, port: listener.port, close }
    }
  }
}

function written({ bytesWritten = 0 }: NetworkSocket): number {
  return bytesWritten
}

function read({ bytesRead = 0 }: NetworkSocket): number {
  return bytesRead
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
