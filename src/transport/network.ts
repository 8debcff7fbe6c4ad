import type { Duplex } from 'node:stream'
import type { ByteReceiver } from './byte-receiver.ts'

/** TLS of the client side. Verification is on unless `rejectUnauthorized: false` is given. */
export interface TlsClientOptions {
  /** PEM of the certificates to trust. @default those of Node */
  ca?: string | Buffer | Array<string | Buffer>
  /** PEM of the own certificate chain. @default none */
  cert?: string | Buffer
  /** PEM of its private key. @default none */
  key?: string | Buffer
  /** Of the key. @default none */
  passphrase?: string
  /**
   * Name to verify the certificate against; brokers are announced as addresses, certificates often carry names.
   * @default the host
   */
  servername?: string
  /** @default true */
  rejectUnauthorized?: boolean
}

/** TLS of the server side. */
export interface TlsServerOptions {
  /**
   * `enforcing` takes TLS only and closes other connections without a byte; `permissive` takes plain text on the same port too; Java's
   * `tls.server.mode`, where permissive is the default.
   * @default enforcing
   */
  mode?: 'enforcing' | 'permissive'
  /** PEM of the own certificate chain. */
  cert: string | Buffer
  /** PEM of its private key. */
  key: string | Buffer
  /** Of the key. @default none */
  passphrase?: string
  /** PEM of the certificates to trust. @default those of Node */
  ca?: string | Buffer | Array<string | Buffer>
  /** Ask clients for a certificate that `ca` signed. @default false */
  requestCert?: boolean
}

/** A byte stream between two parties: a TCP or TLS socket, or one end of an in-memory pair. */
export interface NetworkSocket extends Duplex {
  /** Address of the peer. */
  readonly remoteAddress?: string | undefined
  /** Port of the peer. */
  readonly remotePort?: number | undefined
  /** Own address. */
  readonly localAddress?: string | undefined
  /** Own port. */
  readonly localPort?: number | undefined
  /** Bytes that were written to it, those that have not left yet included. @default not counted */
  readonly bytesWritten?: number | undefined
  /** Bytes that were read from the network. @default not counted */
  readonly bytesRead?: number | undefined
  /** The other end, where it is an object of this process too. @default not known */
  readonly peer?: NetworkSocket | undefined
}

/** What accepts connections. */
export interface NetworkListener {
  /** Bound address. */
  readonly host: string
  /** Bound port. */
  readonly port: number
  /** Stops accepting; sockets already accepted stay open. */
  close(): Promise<void>
}

/** How a connection is opened. */
export interface NetworkConnectOptions {
  /** Speaks TLS when given. */
  tls?: TlsClientOptions | undefined
  /** Gives up when it aborts. */
  signal?: AbortSignal | undefined
  /** A network that can may hand incoming bytes to this instead of emitting them as `data`; one that cannot ignores it. */
  receiver?: ByteReceiver | undefined
}

/** How connections are accepted. */
export interface NetworkListenOptions {
  /** TLS on the port. @default plain text only */
  tls?: TlsServerOptions | undefined
  /** More than so many, handshakes included, need not be accepted; the caller closes what is too much. @default unlimited */
  maxConnections?: number | undefined
  /** Told of a connection that was closed at once, and why. @default nobody */
  onRefused?: ((why: string) => void) | undefined
}

/** Where sockets come from: real TCP, or memory. An ordinary option of producer, client, broker and name server. */
export interface Network {
  /**
   * Opens a connection; resolves when it is usable (after the TLS handshake), rejects with RemotingConnectException.
   * Aborting `signal` gives up at once and leaves no handle.
   */
  connect(host: string, port: number, options: NetworkConnectOptions): Promise<NetworkSocket>
  /** Listens on `host:port`, port 0 for any free one. */
  listen(
    host: string,
    port: number,
    onConnection: (socket: NetworkSocket) => void,
    options?: NetworkListenOptions
  ): Promise<NetworkListener>
}
