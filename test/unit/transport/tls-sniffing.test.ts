import net from 'node:net'
import { expect, test } from 'vitest'
import { sniffTls } from '../../../src/transport/tls-sniffing.ts'

/** Connects, sends `bytes` piece by piece, and gives what the server side saw. */
async function sniff(pieces: string[], millis = 5000): Promise<{ speaksTls: boolean | undefined; received: string }> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const result = new Promise<{ speaksTls: boolean | undefined; received: string }>((resolve) => {
    server.once('connection', (socket) => {
      let speaksTls: boolean | undefined
      let received = ''
      socket.once('close', () => resolve({ speaksTls, received }))
      sniffTls(socket, millis, (answer) => {
        speaksTls = answer
        socket.on('data', (chunk: Buffer) => {
          received += chunk.toString()
        })
      })
    })
  })
  const client = net.connect(port, '127.0.0.1')
  client.on('error', () => {})
  for (const piece of pieces) await new Promise<void>((resolve) => client.write(piece, () => setImmediate(resolve)))
  if (pieces.length > 0) client.end()
  const seen = await result
  client.destroy()
  server.close()
  return seen
}

test('the first byte tells, and no byte is lost', async () => {
  expect(await sniff(['\u0016hello', ' there'])).toEqual({ speaksTls: true, received: '\u0016hello there' })
  expect(await sniff(['G', 'ET'])).toEqual({ speaksTls: false, received: 'GET' })
})

test('security-X11 a peer that sends nothing is closed when its time is over', async () => {
  expect(await sniff([], 20)).toEqual({ speaksTls: undefined, received: '' })
})
