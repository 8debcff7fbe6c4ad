import net from 'node:net'
import tls from 'node:tls'
import { formatAddress } from '../internal/address.ts'
import type { ByteReceiver } from './byte-receiver.ts'
import type {
  Network,
  NetworkConnectOptions,
  NetworkListener,
  NetworkSocket,
  TlsClientOptions,
  TlsServerOptions
} from './network.ts'
import { connectFailed } from './remoting-errors.ts'

/** Connections the kernel holds for us before we accept them. */
const BACKLOG = 1024

/** What one read may bring, bytes. */
const READ_BUFFER = 64 * 1024

/** A TLS client has this long to finish its handshake, ms. */
const HANDSHAKE_MILLIS = 5000

function connect(host: string, port: number, options: NetworkConnectOptions): Promise<NetworkSocket> {
  const { signal } = options
  return new Promise((resolve, reject) => {
    const addr = formatAddress(host, port)
    if (signal?.aborted) return reject(connectFailed(addr, signal.reason))
    const socket =
      options.tls === undefined
        ? net.connect({ host, port, noDelay: true, ...reading(options.receiver) })
        : tls.connect({ ...tlsOptions(host, options.tls), host, port })
    const ready = options.tls === undefined ? 'connect' : 'secureConnect'
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
    signal?.addEventListener('abort', aborted, { once: true })
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
  options: { tls?: TlsServerOptions | undefined } = {}
): Promise<NetworkListener> {
  const accept = (socket: net.Socket): void => {
    socket.setNoDelay(true)
    onConnection(socket)
  }
  const server =
    options.tls === undefined
      ? net.createServer({ noDelay: true }, onConnection)
      : tls.createServer({ ...serverOptions(options.tls), handshakeTimeout: HANDSHAKE_MILLIS }, accept)
  // Sockets of handshakes that did not finish yet have no owner: they end with the listener.
  const handshaking = new Set<net.Socket>()
  if (options.tls !== undefined) {
    server.on('connection', (socket: net.Socket) => {
      handshaking.add(socket)
      socket.once('close', () => handshaking.delete(socket))
    })
    server.on('secureConnection', (socket: tls.TLSSocket & { _parent?: net.Socket }) => {
      if (socket._parent !== undefined) handshaking.delete(socket._parent)
    })
    server.on('tlsClientError', (_error: Error, socket: tls.TLSSocket) => socket.destroy())
  }
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

function serverOptions(options: TlsServerOptions): tls.TlsOptions {
  const { cert, key, passphrase, ca, requestCert = false } = options
  const result: tls.TlsOptions = { cert, key, requestCert, rejectUnauthorized: requestCert, minVersion: 'TLSv1.2' }
  if (passphrase !== undefined) result.passphrase = passphrase
  if (ca !== undefined) result.ca = ca
  return result
}

/** TCP and TLS of the operating system. */
export const tcpNetwork: Network = { connect, listen }
