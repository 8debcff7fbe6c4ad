import { parseAddress } from '../../internal/address.ts'
import type { Clock, Timer } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import type { Network, NetworkSocket } from '../../transport/network.ts'
import { encodeReport, isOffset, MAX_TRANSFER_BYTES, TransferReader } from './ha-frames.ts'

/** One attempt to connect may take this long, ms. */
const CONNECT_MILLIS = 3000
/** Pauses between attempts double from the first to the last, ms. Java's pause is always the last. */
const FIRST_PAUSE = 100
const LAST_PAUSE = 5000

export interface HAClientOptions {
  network: Network
  clock: Clock
  logger: Logger
  store: DefaultMessageStore
}

/**
 * A slave's half of the replication; Java's `HAClient`. It tells its master where its log ends, appends what follows, byte for byte, and
 * tells the new end; bytes are appended as they come in, so nothing of a transfer is held back in memory. Whatever cannot be right
 * (bytes that do not follow, a size out of bounds) ends the connection, and the next one begins at the end of the log again.
 */
export class HAClient {
  readonly #options: HAClientOptions
  #masterAddress: string | undefined
  #link: MasterLink | undefined
  #connecting: AbortController | undefined
  #retry: Timer | undefined
  #pause = FIRST_PAUSE
  #closed = false

  constructor(options: HAClientOptions) {
    this.#options = options
  }

  /** Where the master accepts slaves; undefined while nobody has said. */
  get masterAddress(): string | undefined {
    return this.#masterAddress
  }

  /** Whether the master has sent something over the present connection. */
  get connected(): boolean {
    return this.#link?.heard === true
  }

  /** A change ends the present connection. */
  updateMasterAddress(addr: string): void {
    if (addr === this.#masterAddress || this.#closed) return
    try {
      parseAddress(addr)
    } catch (error) {
      this.#options.logger.warn(`the master's replication address is none: ${logText(error)}`)
      return
    }
    this.#masterAddress = addr
    this.#pause = FIRST_PAUSE
    this.#retry?.cancel()
    this.#retry = undefined
    this.#connecting?.abort()
    this.#connecting = undefined
    this.#link?.end('the master has another address now')
    if (this.#link === undefined) this.#connect()
  }

  /** Tells the master the end of the log, where that has moved. */
  report(): void {
    this.#link?.report()
  }

  /** Leaves the master, until {@link resume}. */
  suspend(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#retry = undefined
    this.#connecting?.abort()
    this.#connecting = undefined
    this.#link?.end(undefined)
  }

  resume(): void {
    this.#closed = false
    this.#pause = FIRST_PAUSE
    this.#connect()
  }

  shutdown(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#connecting?.abort()
    this.#link?.end(undefined)
  }

  #connect(): void {
    const addr = this.#masterAddress
    if (this.#closed || addr === undefined || this.#connecting !== undefined || this.#link !== undefined) return
    const attempt = new AbortController()
    this.#connecting = attempt
    const { clock, logger } = this.#options
    const timer = clock.setTimeout(() => attempt.abort(new Error(`no connection after ${CONNECT_MILLIS} ms`)), CONNECT_MILLIS, {
      ref: false
    })
    const { host, port } = parseAddress(addr)
    this.#options.network
      .connect(host, port, { signal: attempt.signal })
      .then(
        (socket) => this.#connected(socket, attempt, addr),
        (error: unknown) => {
          if (this.#connecting !== attempt) return
          this.#connecting = undefined
          logger.warn(`the master ${addr} cannot be reached for replication: ${logText(error)}`)
          this.#connectLater()
        }
      )
      .catch((error: unknown) => logger.error(`replication from ${addr} failed: ${logText(error)}`))
      .finally(() => timer.cancel())
  }

  #connected(socket: NetworkSocket, attempt: AbortController, addr: string): void {
    if (this.#connecting !== attempt || this.#closed) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    this.#connecting = undefined
    this.#link = new MasterLink(socket, addr, this.#options, {
      onHeard: () => {
        this.#pause = FIRST_PAUSE
      },
      onEnd: () => {
        this.#link = undefined
        this.#connectLater()
      }
    })
    this.#link.report()
  }

  #connectLater(): void {
    if (this.#closed) return
    this.#retry = this.#options.clock.setTimeout(() => this.#connect(), this.#pause, { ref: false })
    this.#pause = Math.min(this.#pause * 2, LAST_PAUSE)
  }
}

interface LinkEvents {
  onHeard(): void
  onEnd(): void
}

/** One connection to the master. */
class MasterLink {
  /** Whether the master has sent something that was in order. */
  heard = false
  readonly #socket: NetworkSocket
  readonly #addr: string
  readonly #options: HAClientOptions
  readonly #events: LinkEvents
  readonly #reader: TransferReader
  /** -1 before the first report. */
  #reportedOffset = -1
  /** Where the bytes go that come next. */
  #appendAt = 0
  #blocked = false
  #ended = false
  /** Monotonic clock, ms. */
  #lastRead: number
  #lastWrite: number
  #timer: Timer | undefined

  constructor(socket: NetworkSocket, addr: string, options: HAClientOptions, events: LinkEvents) {
    this.#socket = socket
    this.#addr = addr
    this.#options = options
    this.#events = events
    this.#lastRead = options.clock.monotonic()
    this.#lastWrite = this.#lastRead
    this.#reader = new TransferReader({
      onHeader: (offset, size) => this.#onHeader(offset, size),
      onBytes: (bytes) => this.#onBytes(bytes)
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => {
      this.#blocked = false
      this.report()
    })
    socket.on('error', (error: unknown) => this.end(logText(error)))
    socket.on('end', () => this.end('the master closed it'))
    socket.on('close', () => this.end('the connection was closed'))
    this.#watch()
  }

  /** The first report asks for what follows the log, so it waits until everything in the log may be confirmed. */
  report(): void {
    const { store } = this.#options
    const offset = store.getReplicaAckOffset()
    if (this.#ended || this.#blocked || offset === this.#reportedOffset) return
    if (this.#reportedOffset < 0 && offset < store.getMaxPhyOffset()) return
    this.#write(offset)
  }

  /** @param reason for the log; undefined when the broker shuts down. */
  end(reason: string | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.#socket.destroy()
    if (reason !== undefined) this.#options.logger.warn(`replication from ${this.#addr} ended: ${reason}`)
    this.#events.onEnd()
  }

  #write(offset: number): void {
    this.#reportedOffset = offset
    this.#lastWrite = this.#options.clock.monotonic()
    this.#blocked = !this.#socket.write(encodeReport(offset))
  }

  #read(chunk: Buffer): void {
    if (this.#ended) return
    this.#lastRead = this.#options.clock.monotonic()
    // One report for all that came together.
    if (this.#reader.push(chunk)) this.report()
  }

  #onHeader(offset: number, size: number): boolean {
    const max = this.#options.store.getMaxPhyOffset()
    if (size < 0 || size > MAX_TRANSFER_BYTES)
      return this.#refuse(`the master announces ${size} bytes, possible is 0 to ${MAX_TRANSFER_BYTES}`)
    if (!isOffset(offset) || !isOffset(offset + size)) return this.#refuse(`the master sends offset ${offset}, which is none`)
    if (max !== 0 && offset !== max)
      return this.#refuse(`the master sends what follows ${offset}, but the log here ends at ${max}`)
    this.#appendAt = offset
    this.heard = true
    this.#events.onHeard()
    return true
  }

  #onBytes(bytes: Buffer): boolean {
    try {
      this.#options.store.appendToCommitLog(this.#appendAt, bytes)
    } catch (error) {
      return this.#refuse(`nothing can be appended: ${logText(error)}`)
    }
    this.#appendAt += bytes.length
    return true
  }

  #refuse(reason: string): false {
    this.end(reason)
    return false
  }

  #watch(): void {
    const { clock, store } = this.#options
    const { haSendHeartbeatInterval, haHousekeepingInterval } = store.config
    const due = Math.min(this.#lastRead + haHousekeepingInterval, this.#lastWrite + haSendHeartbeatInterval)
    this.#timer = clock.setTimeout(
      () => {
        const now = clock.monotonic()
        if (now - this.#lastRead >= haHousekeepingInterval) {
          this.end(`the master was silent for ${haHousekeepingInterval} ms (haHousekeepingInterval)`)
          return
        }
        if (now - this.#lastWrite >= haSendHeartbeatInterval) {
          if (this.#reportedOffset >= 0 && !this.#blocked) this.#write(store.getReplicaAckOffset())
          else this.#lastWrite = now
        }
        this.#watch()
      },
      Math.max(due - clock.monotonic(), 1),
      { ref: false }
    )
  }
}
