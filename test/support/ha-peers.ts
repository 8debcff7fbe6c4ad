import { encodeReport, encodeTransfer, ReportReader, TransferReader } from '../../src/broker/ha/ha-frames.ts'
import type { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { NetworkListener, NetworkSocket } from '../../src/transport/network.ts'
import { EventQueue } from './event-queue.ts'

export interface Transfer {
  offset: number
  size: number
  bytes: Buffer
}

/** A slave that does only what a test tells it: whole transfers in, any report out. */
export class RawSlave {
  readonly socket: NetworkSocket
  readonly transfers = new EventQueue<Transfer>()
  readonly closed: Promise<void>
  isClosed = false

  constructor(socket: NetworkSocket) {
    this.socket = socket
    let current: Transfer = { offset: 0, size: 0, bytes: Buffer.alloc(0) }
    const reader = new TransferReader({
      onHeader: (offset, size) => {
        current = { offset, size, bytes: Buffer.alloc(0) }
        if (size === 0) this.transfers.push(current)
        return true
      },
      onBytes: (bytes) => {
        current.bytes = Buffer.concat([current.bytes, bytes])
        if (current.bytes.length === current.size) this.transfers.push(current)
        return true
      }
    })
    socket.on('data', (chunk: Buffer) => void reader.push(chunk))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true
        this.transfers.end()
        resolve()
      })
    })
  }

  static async connect(network: MemoryNetwork, port: number): Promise<RawSlave> {
    return new RawSlave(await network.connect('127.0.0.1', port, {}))
  }

  report(offset: number): void {
    this.socket.write(encodeReport(offset))
  }

  /** Takes transfers until they reach `offset`; answers what they held. */
  async receive(offset: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for (;;) {
      const transfer = await this.transfers.next()
      parts.push(transfer.bytes)
      if (transfer.offset + transfer.size >= offset) return Buffer.concat(parts)
    }
  }
}

/** A master that does only what a test tells it, for one slave after the other. */
export class RawMaster {
  readonly slaves = new EventQueue<MasterEnd>()
  readonly #listener: NetworkListener

  private constructor(listener: NetworkListener) {
    this.#listener = listener
  }

  static async listen(network: MemoryNetwork): Promise<RawMaster> {
    let master: RawMaster | undefined
    const listener = await network.listen('127.0.0.1', 0, (socket) => master?.slaves.push(new MasterEnd(socket)))
    master = new RawMaster(listener)
    return master
  }

  get addr(): string {
    return `127.0.0.1:${this.#listener.port}`
  }

  close(): Promise<void> {
    return this.#listener.close()
  }
}

export class MasterEnd {
  readonly socket: NetworkSocket
  /** The last report of each read. */
  readonly reports = new EventQueue<number>()
  readonly closed: Promise<void>

  constructor(socket: NetworkSocket) {
    this.socket = socket
    const reader = new ReportReader()
    socket.on('data', (chunk: Buffer) => {
      const offset = reader.push(chunk)
      if (offset !== undefined) this.reports.push(offset)
    })
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.reports.end()
        resolve()
      })
    })
  }

  send(offset: number, bytes?: Uint8Array): void {
    this.socket.write(encodeTransfer(offset, bytes))
  }
}
