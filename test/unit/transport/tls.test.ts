import net from 'node:net'
import { expect, test } from 'vitest'
import type { TlsClientOptions, TlsServerOptions } from '../../../src/transport/network.ts'
import { leavesNoHandle } from '../../support/active-handles.ts'
import { certificates } from '../../support/certificates.ts'
import { echo, echoServer, remotingClient } from '../../support/remoting.ts'
import { ScriptedServer, scriptedClient } from '../../support/scripted-server.ts'

async function call(
  tls: TlsClientOptions | undefined,
  server: TlsServerOptions,
  host = '127.0.0.1'
): Promise<string | undefined> {
  const rig = await echoServer({ tls: server })
  const { client } = remotingClient({ tls })
  try {
    return (await client.invoke(`${host}:${rig.server.port}`, echo('secret'), 5000)).extFields.n
  } finally {
    await client.close()
    await rig.server.close()
  }
}

const { ca, server, otherName, expired, client } = certificates()

test('security-X10 a certificate for the address or for the given name is accepted', async () => {
  expect(await call({ ca }, server)).toBe('secret')
  expect(await call({ ca, servername: 'broker.test' }, server)).toBe('secret')
  expect(await call({ ca, servername: 'elsewhere.test' }, otherName)).toBe('secret')
})

test('security-X10 verification is on by default: unknown authority, wrong name and expired certificates are refused', async () => {
  const refused = (tls: TlsClientOptions, certificate: TlsServerOptions, code: string): Promise<void> =>
    expect(call(tls, certificate)).rejects.toMatchObject({
      name: 'RemotingConnectException',
      maybeStored: false,
      cause: { code }
    })
  await refused({}, server, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  await refused({ ca }, otherName, 'ERR_TLS_CERT_ALTNAME_INVALID')
  await refused({ ca, servername: 'wrong.test' }, server, 'ERR_TLS_CERT_ALTNAME_INVALID')
  await refused({ ca }, expired, 'CERT_HAS_EXPIRED')
  expect(await call({ rejectUnauthorized: false }, expired)).toBe('secret')
})

test('security-X10 client certificates are asked for and checked where the server wants them', async () => {
  const wanting = { ...server, ca, requestCert: true }
  expect(await call({ ca, ...client }, wanting)).toBe('secret')
  await expect(call({ ca }, wanting)).rejects.toMatchObject({ maybeStored: expect.any(Boolean) })
})

test('security-X10 not a byte of a request goes to a peer that does not speak TLS, nor the other way round', async () => {
  const plain = await ScriptedServer.start()
  const secure = remotingClient({ tls: { ca }, connectTimeout: 300 }).client
  plain.peers.onEach((peer) => peer.socket.once('data', () => peer.destroy()))
  await expect(secure.invoke(plain.addr, echo('secret'), 5000)).rejects.toMatchObject({ name: 'RemotingConnectException' })
  await secure.close()
  await plain.close()
  const tlsServer = await echoServer({ tls: server })
  const raw = await scriptedClient(tlsServer.server.port)
  raw.send(echo('plain'))
  await raw.closed
  expect(tlsServer.server.connections.size).toBe(0)
  await tlsServer.server.close()
})

test('a handshake that never ends leaves no handle when either side closes', async () => {
  await leavesNoHandle(async () => {
    const rig = await echoServer({ tls: server })
    const stalled = net.connect(rig.server.port, '127.0.0.1')
    await new Promise((resolve) => stalled.once('connect', resolve))
    const closed = new Promise((resolve) => stalled.once('close', resolve))
    stalled.on('error', () => {})
    const working = remotingClient({ tls: { ca } }).client
    await working.invoke(rig.addr, echo(), 5000)
    await working.close()
    await rig.server.close()
    await closed
  })
  // Less than the handshake deadline, which would end it too.
}, 4000)
