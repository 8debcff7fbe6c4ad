import { createHash } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Something that one process at a time may have. */
export interface ProcessLock {
  release(): Promise<void>
}

/**
 * Takes the lock named `key`, or returns undefined at once when somebody has it, in this process or another.
 *
 * Node has no `flock`, and a file that says who holds it outlives its holder. The name of a listening socket does not: on Linux it is an
 * abstract one, which the kernel frees with the process, however that ended; on Windows a named pipe, for which the same holds; elsewhere
 * a socket file, and one that nobody answers at is taken over. Nothing is ever said over the socket. An abstract name belongs to the network
 * namespace: two containers that share a folder but not their network do not see each other's lock.
 */
export async function takeProcessLock(key: string): Promise<ProcessLock | undefined> {
  const name = `rocketmq-producer-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`
  if (process.platform === 'linux') return listen(`\0${name}`)
  if (process.platform === 'win32') return listen(`\\\\.\\pipe\\${name}`)
  const file = path.join(tmpdir(), `${name}.sock`)
  const lock = await listen(file)
  if (lock !== undefined || (await answers(file))) return lock
  unlinkSync(file)
  return listen(file)
}

function listen(name: string): Promise<ProcessLock | undefined> {
  return new Promise((resolve, reject) => {
    const server: Server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    // Exclusive: workers of a cluster would share the socket otherwise.
    server.listen({ path: name, exclusive: true }, () => {
      server.unref()
      resolve({ release: () => new Promise((released) => void server.close(() => released())) })
    })
  })
}

function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
