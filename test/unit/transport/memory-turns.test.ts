import { describe, expect, it } from 'vitest'
import { MemoryNetwork } from '../../../src/transport/memory-network.ts'
import type { NetworkSocket } from '../../../src/transport/network.ts'
import { EventQueue } from '../../support/event-queue.ts'

async function pair(): Promise<{ client: NetworkSocket; server: NetworkSocket }> {
  const network = new MemoryNetwork()
  const accepted = new EventQueue<NetworkSocket>()
  const { port } = await network.listen('127.0.0.1', 0, (socket) => accepted.push(socket))
  return { client: await network.connect('127.0.0.1', port, {}), server: await accepted.next() }
}

describe('the in-memory network and the event loop', () => {
  it('a write never reaches the other end before it returns', async () => {
    const { client, server } = await pair()
    let arrived = 0
    server.on('data', () => arrived++)
    client.on('data', () => arrived++)
    await new Promise(setImmediate)
    client.write('to the server')
    server.write('to the client')
    expect(arrived).toBe(0)
    while (arrived < 2) await new Promise(setImmediate)
  })

  it('whoever waits for answer after answer lets timers run', async () => {
    const { client, server } = await pair()
    server.on('data', (chunk) => server.write(chunk))
    let over = false
    setTimeout(() => {
      over = true
    }, 1)
    let answers = 0
    await new Promise<void>((resolve) => {
      client.on('data', () => {
        answers++
        if (over || answers === 200_000) resolve()
        else client.write('again')
      })
      client.write('first')
    })
    expect(over).toBe(true)
  })

  it('whoever writes on and on, each time the write was taken, lets timers run', async () => {
    const { client, server } = await pair()
    server.on('data', () => {})
    let over = false
    setTimeout(() => {
      over = true
    }, 1)
    let writes = 0
    while (!over && writes < 200_000) {
      await new Promise((resolve) => client.write('x'.repeat(1000), resolve))
      writes++
    }
    expect(over).toBe(true)
  })
})
