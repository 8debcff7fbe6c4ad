import { once } from 'node:events'
import { expect, it } from 'vitest'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { NetworkSocket } from '../../src/transport/network.ts'

// A client that wrote in the moment between the server's close and the arrival of its last bytes got EPIPE, and lost those bytes.
it('bytes that were sent before a close arrive, whatever the other side writes meanwhile', async () => {
  const network = new MemoryNetwork()
  let accepted!: (socket: NetworkSocket) => void
  const server = new Promise<NetworkSocket>((resolve) => {
    accepted = resolve
  })
  const listener = await network.listen('127.0.0.1', 0, (socket) => accepted(socket))
  const client = await network.connect('127.0.0.1', listener.port, {})
  const peer = await server
  const chunks: Buffer[] = []
  const errors: unknown[] = []
  client.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', (error) => errors.push(error))
  const ended = once(client, 'end')
  await new Promise<void>((resolve) => peer.write('answer', () => resolve()))
  peer.destroy()
  client.write('too late')
  await ended
  expect([Buffer.concat(chunks).toString(), errors]).toEqual(['answer', []])
  await listener.close()
})
