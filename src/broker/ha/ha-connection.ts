import { formatAddress } from '../../internal/address.ts'
import type { Clock, Timer } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import type { NetworkSocket } from '../../transport/network.ts'
import { encodeTransfer, isOffset, ReportReader } from './ha-frames.ts'

/** What the connections of a master share. */
export interface HAMaster {
  readonly clock: Clock
  readonly logger: Logger
  readonly store: DefaultMessageStore
  /** Whether a slave may have the log up to `offset`: somebody must have sent it. */
  mayHave(offset: number): boolean
  /** Bytes below `offset` were handed to a slave's socket. */
  onTransferred(offset: number): void
  /** A slave has everything below `offset`. */
  onAck(offset: number): void
  onClosed(connection: HAConnection): void
}

/**
 * A slave as its master sees it; Java's `HAConnection`. It says nothing until the slave has told where its log ends, and takes no word
 * of the slave's that cannot be true: an offset beyond what was sent closes the connection and confirms nothing.
 */
export class HAConnection {
  readonly remoteAddr: string
  readonly #socket: NetworkSocket
  readonly #master: HAMaster
  readonly #reports = new ReportReader()
  #slaveAckOffset = -1
  #nextTransferFromWhere = -1
  /** The socket has not taken what was written; no more until it has. */
  #blocked = false
  #closed = false
  /** Monotonic clock, ms. */
  #lastRead: number
  #lastWrite: number
  #timer: Timer | undefined

  constructor(socket: NetworkSocket, master: HAMaster) {
    this.#socket = socket
    this.#master = master
    this.remoteAddr = formatAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0)
    this.#lastRead = master.clock.monotonic()
    this.#lastWrite = this.#lastRead
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => {
      this.#blocked = false
      this.transfer()
    })
    socket.on('error', (error: unknown) => this.#end(logText(error)))
    socket.on('end', () => this.#end('the slave closed it'))
    socket.on('close', () => this.#end('the connection was closed'))
    this.#watch()
  }

  /** Whether it has said where its log ends. */
  get isSlave(): boolean {
    return this.#slaveAckOffset >= 0
  }

  /** The slave has everything below; -1 as long as it has said nothing. */
  get slaveAckOffset(): number {
    return this.#slaveAckOffset
  }

  /** The log goes out from here; -1 before the slave has said where it ends. */
  get transferFromWhere(): number {
    return this.#nextTransferFromWhere
  }

  /** Sends what the slave does not have yet, as far as the socket takes it. */
  transfer(): void {
    const { store, clock } = this.#master
    if (this.#nextTransferFromWhere < 0) return
    while (!this.#blocked && !this.#closed) {
      const from = this.#nextTransferFromWhere
      const bytes = store.getCommitLogData(from, store.config.haTransferBatchSize)
      if (bytes === undefined || bytes.length === 0) {
        if (from < store.getMinPhyOffset()) this.#end(`the log from ${from} on was dropped before it could be sent`)
        return
      }
      this.#nextTransferFromWhere = from + bytes.length
      this.#lastWrite = clock.monotonic()
      this.#master.onTransferred(this.#nextTransferFromWhere)
      this.#blocked = !this.#socket.write(encodeTransfer(from, bytes))
    }
  }

  /** What was written still leaves, unless the slave does not take it. */
  close(): void {
    if (this.#closed) return
    this.#stop()
    if (this.#socket.writableLength > 0) this.#socket.destroy()
    else this.#socket.end(() => this.#socket.destroy())
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return
    this.#lastRead = this.#master.clock.monotonic()
    const offset = this.#reports.push(chunk)
    if (offset === undefined) return
    if (this.#slaveAckOffset < 0) this.#begin(offset)
    else if (!isOffset(offset) || offset < this.#slaveAckOffset || offset > this.#nextTransferFromWhere) {
      this.#end(
        `it reports offset ${offset}, possible is ${this.#slaveAckOffset} to ${this.#nextTransferFromWhere}, which is what it was sent`
      )
    } else if (offset > this.#slaveAckOffset) {
      this.#slaveAckOffset = offset
      this.#master.onAck(offset)
    }
  }

  /** The first report: the slave's log ends here, and goes on with what follows. */
  #begin(offset: number): void {
    const { store, logger } = this.#master
    if (!isOffset(offset) || offset > store.getMaxPhyOffset() || !this.#master.mayHave(offset)) {
      this.#end(
        `it says that its log ends at ${offset}, but this master's ends at ${store.getMaxPhyOffset()}, or has not been sent so far: ` +
          'the slave follows another log and has to be emptied'
      )
      return
    }
    let from = offset
    if (offset === 0) {
      // As in RocketMQ, a slave that has nothing gets no more than the last segment.
      const max = store.getMaxPhyOffset()
      from = Math.max(max - (max % store.config.mappedFileSizeCommitLog), store.getMinPhyOffset())
    } else if (offset < store.getMinPhyOffset()) {
      this.#end(`its log ends at ${offset}, this master's begins at ${store.getMinPhyOffset()}: the slave has to be emptied`)
      return
    }
    logger.info(`slave ${logText(this.remoteAddr)} has the log up to ${offset}, it is sent what follows ${from}`)
    this.#slaveAckOffset = offset
    this.#nextTransferFromWhere = from
    this.#master.onAck(offset)
    this.transfer()
  }

  /** One timer: for the next sign of life of ours, and for the slave's that does not come. */
  #watch(): void {
    const { clock, store } = this.#master
    const { haSendHeartbeatInterval, haHousekeepingInterval } = store.config
    const silentAt = this.#lastRead + haHousekeepingInterval
    const due = this.isSlave ? Math.min(silentAt, this.#lastWrite + haSendHeartbeatInterval) : silentAt
    // Before its first report there is nothing to write; it may come at any time.
    const millis = Math.min(due - clock.monotonic(), haSendHeartbeatInterval)
    this.#timer = clock.setTimeout(
      () => {
        const now = clock.monotonic()
        if (now - this.#lastRead >= haHousekeepingInterval) {
          this.#end(`it was silent for ${haHousekeepingInterval} ms (haHousekeepingInterval)`)
          return
        }
        if (this.isSlave && !this.#blocked && now - this.#lastWrite >= haSendHeartbeatInterval) {
          this.#lastWrite = now
          this.#blocked = !this.#socket.write(encodeTransfer(this.#nextTransferFromWhere))
        }
        this.#watch()
      },
      Math.max(millis, 1),
      { ref: false }
    )
  }

  #stop(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#master.onClosed(this)
  }

  #end(reason: string): void {
    if (this.#closed) return
    this.#stop()
    this.#master.logger.warn(`replication to ${logText(this.remoteAddr)} ended: ${reason}`)
    this.#socket.destroy()
  }
}
