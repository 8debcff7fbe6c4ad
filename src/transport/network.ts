import type { Duplex } from 'node:stream'
import type { ByteReceiver } from './byte-receiver.ts'

/** TLS of the client side. Verification is on unless `rejectUnauthorized: false` is given. */
export interface TlsClientOptions {
  ca?: string | Buffer | Array<string | Buffer>
  cert?: string | Buffer
  key?: string | Buffer
  passphrase?: string
  /** Name to verify the certificate against; brokers are announced as addresses, certificates often carry names. */
  servername?: string
  /** @default true */
  rejectUnauthorized?: boolean
}

export interface TlsServerOptions {
  /**
   * `enforcing` takes TLS only and closes other connections without a byte; `permissive` takes plain text on the same port too; Java's
   * `tls.server.mode`, where permissive is the default.
   * @default enforcing
   */
  mode?: 'enforcing' | 'permissive'
  cert: string | Buffer
  key: string | Buffer
  passphrase?: string
  ca?: string | Buffer | Array<string | Buffer>
  /** Ask clients for a certificate that `ca` signed. @default false */
  requestCert?: boolean
}

/** A byte stream between two parties: a TCP or TLS socket, or one end of an in-memory pair. */
export interface NetworkSocket extends Duplex {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

export interface NetworkListener {
  readonly host: string
  readonly port: number
  /** Stops accepting; sockets already accepted stay open. */
  close(): Promise<void>
}

export interface NetworkConnectOptions {
  tls?: TlsClientOptions | undefined
  signal?: AbortSignal | undefined
  /** A network that can may hand incoming bytes to this instead of emitting them as `data`; one that cannot ignores it. */
  receiver?: ByteReceiver | undefined
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
    options?: { tls?: TlsServerOptions | undefined }
  ): Promise<NetworkListener>
}
