import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { type SocksModule, SocksNetwork } from '../../src/transport/socks-network.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { leavesNoHandle } from '../support/active-handles.ts'
import { certificates } from '../support/certificates.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { echo, echoServer, remotingClient } from '../support/remoting.ts'
import { ScriptedServer } from '../support/scripted-server.ts'
import { SocksServer } from '../support/socks-server.ts'

closeAfterEach()
const proxies: SocksServer[] = []
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close()
})

const message = (): Message => new Message({ topic: 'T', body: 'x' })
const user = { username: 'ann', password: 'not-to-be-shown' }

async function startProxy(...args: Parameters<typeof SocksServer.start>): Promise<SocksServer> {
  const proxy = await SocksServer.start(...args)
  proxies.push(proxy)
  return proxy
}

describe('a producer behind a SOCKS5 proxy', () => {
  it('security-X17 reaches name server and brokers through it, by name too, and keeps its order of networks', async () => {
    const proxy = await startProxy(user)
    const other = await startProxy()
    proxy.names.set('broker.internal', '127.0.0.1')
    const cluster = await startCluster({ network: tcpNetwork })
    cluster.announced.set('broker-a', `broker.internal:${cluster.broker.server.port}`)
    const table = { '10.0.0.0/8': { addr: other.addr }, '0.0.0.0/0': { addr: proxy.addr, ...user } }
    for (const socksProxyConfig of [table, JSON.stringify(table)]) {
      const producer = await startProducer(cluster, { socksProxyConfig })
      expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
      await producer.shutdown()
    }
    const { namesrvAddr } = cluster.clientOptions()
    expect(new Set(proxy.targets)).toEqual(new Set([namesrvAddr, `broker.internal:${cluster.broker.server.port}`]))
    expect(other.targets).toEqual([])
  })

  it('security-X17 what no network holds is connected to directly', async () => {
    const proxy = await startProxy()
    const cluster = await startCluster({ network: tcpNetwork })
    const producer = await startProducer(cluster, { socksProxyConfig: { '10.0.0.0/8': { addr: proxy.addr } } })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    expect(proxy.targets).toEqual([])
  })

  it('security-X17 TLS is spoken with the broker, whose name is verified, through the proxy', async () => {
    const { ca, server } = certificates()
    const proxy = await startProxy()
    proxy.names.set('broker.test', '127.0.0.1')
    proxy.names.set('wrong.test', '127.0.0.1')
    const rig = await echoServer({ tls: server })
    const network = new SocksNetwork(tcpNetwork, { '0.0.0.0/0': { addr: proxy.addr } })
    const { client } = remotingClient({ tls: { ca }, network })
    expect((await client.invoke(`broker.test:${rig.server.port}`, echo(), 5000)).code).toBe(0)
    const wrong = await rejection<RocketMQError>(client.invoke(`wrong.test:${rig.server.port}`, echo(), 5000))
    expect(wrong).toMatchObject({ name: 'RemotingConnectException', cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } })
    await client.close()
    await rig.server.close()
  })

  it('security-X17 security-X9 a wrong password, a proxy that is not there and a target it cannot reach are told, without the password', async () => {
    const proxy = await startProxy({ ...user, password: 'another' })
    const open = await startProxy()
    const cluster = await startCluster({ network: tcpNetwork })
    const failure = async (addr: string, namesrvAddr = cluster.clientOptions().namesrvAddr): Promise<string> => {
      const socksProxyConfig = { '0.0.0.0/0': { addr, ...user } }
      const producer = await startProducer(cluster, { namesrvAddr, socksProxyConfig, mqClientApiTimeout: 2000 })
      const error = await rejection<RocketMQError>(producer.send(message()))
      expect(error).toMatchObject({ code: 'NAME_SERVER_UNREACHABLE', maybeStored: false })
      expect(inspect(error, { depth: 12 })).not.toContain('not-to-be-shown')
      return inspect(error, { depth: 12 })
    }
    expect(await failure(proxy.addr)).toMatch(/through the SOCKS proxy .*Socks5 Authentication failed/s)
    expect(await failure('127.0.0.1:1')).toMatch(/through the SOCKS proxy 127\.0\.0\.1:1 failed.*ECONNREFUSED/s)
    expect(await failure(open.addr, '127.0.0.1:1')).toMatch(/through the SOCKS proxy .*ConnectionRefused/s)
  })

  it('security-X17 without the package "socks" the error names it', async () => {
    const absent = (): Promise<SocksModule> => Promise.reject(Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' }))
    const network = new SocksNetwork(tcpNetwork, { '0.0.0.0/0': { addr: '127.0.0.1:1080' } }, absent)
    await expect(network.connect('127.0.0.1', 1, {})).rejects.toMatchObject({
      name: 'RemotingConnectException',
      code: 'SOCKS_MISSING',
      message: expect.stringContaining('npm install socks')
    })
  })

  it('an attempt that the proxy never answers is given up and leaves no handle', async () => {
    await leavesNoHandle(async () => {
      const silent = await ScriptedServer.start()
      const network = new SocksNetwork(tcpNetwork, { '0.0.0.0/0': { addr: silent.addr } })
      const { client } = remotingClient({ network, connectTimeout: 50 })
      await expect(client.invoke('127.0.0.1:9', echo(), 5000)).rejects.toMatchObject({ name: 'RemotingConnectException' })
      await client.close()
      await silent.close()
    })
  })

  it('a table that is wrong is refused at the start', async () => {
    const cluster = await startCluster()
    for (const socksProxyConfig of [
      '{',
      '[]',
      { 'a b': { addr: 'p:1' } },
      { '10.0.0.0/99': { addr: 'p:1' } },
      { '*': { addr: 'p' } }
    ]) {
      const error = await rejection<RocketMQError>(startProducer(cluster, { socksProxyConfig: socksProxyConfig as string }))
      expect(error).toMatchObject({ code: 'BAD_OPTION' })
      expect(error.message).toMatch(/^socksProxyConfig .*allowed is an object of networks and proxies/)
    }
  })
})
