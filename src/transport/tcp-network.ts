import net from 'node:net'
import tls from 'node:tls'
import { formatAddress } from '../internal/address.ts'
import type { ByteReceiver } from './byte-receiver.ts'
import { descriptorLimit, takesReserved } from './descriptor-reserve.ts'
import type {
  Network,
  NetworkConnectOptions,
  NetworkListener,
  NetworkListenOptions,
  NetworkSocket,
  TlsClientOptions,
  TlsServerOptions
} from './network.ts'
import { connectFailed } from './remoting-errors.ts'
import { sniffTls } from './tls-sniffing.ts'

/** Connections the kernel holds for us before we accept them. */
const BACKLOG = 1024

/** What one read may bring, bytes. */
const READ_BUFFER = 64 * 1024

/** A TLS client has this long to begin its handshake, and as long to finish it, ms. */
const HANDSHAKE_MILLIS = 5000

/** Connections that may be in their handshake beside those that the caller takes. */
const HANDSHAKES = 1024

/** A client that may speak plain text has this long for its first byte, ms: as long as an idle connection may last. */
const FIRST_BYTE_MILLIS = 120_000

function connect(host: string, port: number, options: NetworkConnectOptions): Promise<NetworkSocket> {
  const addr = formatAddress(host, port)
  if (options.signal?.aborted) return Promise.reject(connectFailed(addr, options.signal.reason))
  if (options.tls === undefined) {
    return opened(net.connect({ host, port, noDelay: true, ...reading(options.receiver) }), 'connect', addr, options.signal)
  }
  return opened(tls.connect({ ...tlsOptions(host, options.tls), host, port }), 'secureConnect', addr, options.signal)
}

/** TLS with `host` over a connection to it that is there already, e.g. through a proxy. */
export function secureOver(
  socket: net.Socket,
  host: string,
  port: number,
  options: NetworkConnectOptions
): Promise<NetworkSocket> {
  const secure = tls.connect({ ...tlsOptions(host, options.tls ?? {}), host, socket })
  secure.once('close', () => socket.destroy())
  return opened(secure, 'secureConnect', formatAddress(host, port), options.signal)
}

/** The socket once it is `ready`; destroyed when that fails. */
function opened(socket: net.Socket, ready: string, addr: string, signal: AbortSignal | undefined): Promise<NetworkSocket> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      signal?.removeEventListener('abort', aborted)
      socket.removeListener(ready, connected)
      socket.removeListener('error', failed)
      socket.removeListener('close', closed)
    }
    const connected = (): void => {
      finish()
      socket.setNoDelay(true)
      resolve(socket)
    }
    const failed = (error: unknown): void => {
      finish()
      socket.on('error', ignore)
      socket.destroy()
      reject(connectFailed(addr, error))
    }
    const closed = (): void => failed(new Error('the peer closed the connection'))
    const aborted = (): void => failed(signal?.reason)
    socket.once(ready, connected)
    socket.once('error', failed)
    socket.once('close', closed)
    if (signal?.aborted) aborted()
    else signal?.addEventListener('abort', aborted, { once: true })
  })
}

/** Reads into one buffer for the life of the socket. */
function reading(receiver: ByteReceiver | undefined): { onread?: net.OnReadOpts } {
  if (receiver === undefined) return {}
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)
  const callback = (length: number): boolean => {
    receiver.deliver(buffer.subarray(0, length))
    return true
  }
  return { onread: { buffer, callback } }
}

function tlsOptions(host: string, options: TlsClientOptions): tls.ConnectionOptions {
  const { ca, cert, key, passphrase, rejectUnauthorized = true } = options
  const result: tls.ConnectionOptions = { rejectUnauthorized, minVersion: 'TLSv1.2' }
  // SNI carries names only; an address is verified against the certificate's IP entries.
  const servername = options.servername ?? (net.isIP(host) === 0 ? host : undefined)
  if (servername !== undefined) result.servername = servername
  if (ca !== undefined) result.ca = ca
  if (cert !== undefined) result.cert = cert
  if (key !== undefined) result.key = key
  if (passphrase !== undefined) result.passphrase = passphrase
  return result
}

function ignore(): void {}

function listen(
  host: string,
  port: number,
  onConnection: (socket: NetworkSocket) => void,
  options: NetworkListenOptions = {}
): Promise<NetworkListener> {
  // Sockets of handshakes that did not finish yet have no owner: they end with the listener.
  const handshaking = new Set<net.Socket>()
  const taken = options.tls === undefined ? onConnection : tlsAcceptor(options.tls, handshaking, onConnection)
  const limit = descriptorLimit()
  const accept = (socket: net.Socket): void => {
    if (!takesReserved(socket, limit)) {
      taken(socket)
      return
    }
    socket.on('error', ignore)
    socket.destroy()
    options.onRefused?.(`this process may open ${limit} files and connections, and the last are kept free`)
  }
  const server = net.createServer({ noDelay: true }, accept)
  // Some more than the caller takes, so that it is the caller who closes them and says so: this one is for peers that never end their handshake.
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections + HANDSHAKES
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.removeListener('error', reject)
      // Running out of descriptors fails single accepts; the listener lives on.
      server.on('error', ignore)
      const address = server.address() as net.AddressInfo
      resolve({
        host: address.address,
        port: address.port,
        close: () =>
          new Promise<void>((closed) => {
            server.close(() => closed())
            for (const socket of handshaking) socket.destroy()
          })
      })
    })
  })
}

/** Takes a connection as its first byte wants it; Java's `TlsMode`. */
function tlsAcceptor(
  options: TlsServerOptions,
  handshaking: Set<net.Socket>,
  onConnection: (socket: NetworkSocket) => void
): (socket: net.Socket) => void {
  // Never listens itself: it is handed the connections that speak TLS.
  const secure = tls.createServer({ ...serverOptions(options), handshakeTimeout: HANDSHAKE_MILLIS })
  secure.on('secureConnection', (socket: tls.TLSSocket & { _parent?: net.Socket }) => {
    if (socket._parent !== undefined) handshaking.delete(socket._parent)
    socket.setNoDelay(true)
    onConnection(socket)
  })
  secure.on('tlsClientError', (_error: Error, socket: tls.TLSSocket) => socket.destroy())
  const permissive = options.mode === 'permissive'
  return (socket) => {
    handshaking.add(socket)
    socket.once('close', () => handshaking.delete(socket))
    sniffTls(socket, permissive ? FIRST_BYTE_MILLIS : HANDSHAKE_MILLIS, (speaksTls) => {
      if (speaksTls) {
        secure.emit('connection', socket)
      } else if (permissive) {
        handshaking.delete(socket)
        onConnection(socket)
      } else {
        socket.destroy()
      }
    })
  }
}

function serverOptions(options: TlsServerOptions): tls.TlsOptions {
  const { cert, key, passphrase, ca, requestCert = false } = options
  const result: tls.TlsOptions = { cert, key, requestCert, rejectUnauthorized: requestCert, minVersion: 'TLSv1.2' }
  if (passphrase !== undefined) result.passphrase = passphrase
  if (ca !== undefined) result.ca = ca
  return result
}

/** TCP and TLS of the operating system. */
export const tcpNetwork: Network = { connect, listen }
