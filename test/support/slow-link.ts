import net from 'node:net'
import { seededRandom } from './faulty-lanes.ts'

export interface SlowLink {
  /** Where it leads to. */
  port: number
  host?: string
  /** Where it listens. @default 127.0.0.1, any free port */
  listenHost?: string
  listenPort?: number
  /** One way, ms. */
  latencyMillis: number
  /** Bytes a ms; 125 make 1 Mbit/s. */
  bytesPerMilli: number
  /** Of the pieces that stand still for `stallMillis`, as a lost packet does until it is sent again. @default 0.05 */
  stalls?: number
  /** @default 30 */
  stallMillis?: number
  seed: number
}

/**
 * A link that passes bytes on late, in slices of one to 2,000 bytes, no faster than it may, and now and then stands still. Resolves with
 * its address and how to take it down.
 */
export async function openSlowLink(link: SlowLink): Promise<{ addr: string; close: () => Promise<void> }> {
  const { port, host = '127.0.0.1', latencyMillis, bytesPerMilli, stalls = 0.05, stallMillis = 30 } = link
  const random = seededRandom(link.seed)
  const sockets = new Set<net.Socket>()
  const pass = (from: net.Socket, to: net.Socket): void => {
    let free = 0
    from.on('data', (chunk: Buffer) => {
      // What is behind a lost packet waits.
      if (random() < stalls) free = Math.max(free, performance.now()) + stallMillis
      free = Math.max(free, performance.now()) + chunk.length / bytesPerMilli
      setTimeout(
        () => {
          for (let at = 0; at < chunk.length && !to.destroyed; ) {
            const size = 1 + Math.floor(random() ** 4 * 2000)
            to.write(chunk.subarray(at, at + size))
            at += size
          }
        },
        free - performance.now() + latencyMillis
      )
    })
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    sockets.add(from)
  }
  const server = net.createServer({ noDelay: true }, (client) => {
    const broker = net.connect({ port, host, noDelay: true })
    pass(client, broker)
    pass(broker, client)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(link.listenPort ?? 0, link.listenHost ?? '127.0.0.1', resolve)
  })
  const { address, port: bound } = server.address() as net.AddressInfo
  return {
    addr: `${address}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
  }
}
