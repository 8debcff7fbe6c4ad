import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { LinesLogger } from '../support/remoting.ts'

closeAfterEach()
const message = (): Message => new Message({ topic: 'T', body: 'x' })
const zone = { ROCKETMQ_ZONE: process.env['ROCKETMQ_ZONE'], ROCKETMQ_ZONE_MODE: process.env['ROCKETMQ_ZONE_MODE'] }
beforeEach(() => {
  for (const name of Object.keys(zone)) delete process.env[name]
})
afterEach(() => {
  for (const [name, value] of Object.entries(zone)) if (value !== undefined) process.env[name] = value
})

describe('addresses that brokers announce', () => {
  it('mapBrokerAddress translates them before anything is connected', async () => {
    const cluster = await startCluster()
    const real = cluster.broker.addr
    cluster.announced.set('broker-a', '172.18.0.3:10911')
    const seen: string[] = []
    const mapBrokerAddress = (addr: string): string => {
      seen.push(addr)
      return real
    }
    const producer = await startProducer(cluster, { mapBrokerAddress, allowedHosts: ['127.0.0.1'] })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    expect(new Set(seen)).toEqual(new Set(['172.18.0.3:10911']))
  })

  it('security-X12 a host that is not allowed is never connected to; the other brokers serve', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b', 'c'] })
    cluster.announced.set('a', '169.254.169.254:80')
    cluster.announced.set('b', 'metadata.internal:10911')
    const logger = new LinesLogger()
    const producer = await startProducer(cluster, { allowedHosts: ['127.0.0.0/8', '*.mq.test'], logger })
    for (let i = 0; i < 12; i++) expect((await producer.send(message())).messageQueue.brokerName).toBe('c')
    const refusals = logger.lines.filter((line) => line.includes('is not one of the allowedHosts'))
    expect(refusals).toHaveLength(2)
    expect(refusals[0]).toContain('169.254.169.254:80')
  })

  it('security-X12 addresses that are none are refused one by one, and named when no other is left', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    for (const addr of ['127.0.0.1:0', '127.0.0.1:99999', '127.0.0.1:-1', 'nonsense', '']) {
      cluster.announced.set('a', addr)
      const producer = await startProducer(cluster, { producerGroup: newGroup() })
      for (let i = 0; i < 4; i++) expect((await producer.send(message())).messageQueue.brokerName).toBe('b')
    }
    cluster.announced.set('b', '10.0.0.1:10911')
    const lost = await startProducer(cluster, { allowedHosts: ['127.0.0.1'], mapBrokerAddress: (addr) => addr.trim() })
    const error = await rejection<RocketMQError>(lost.send(message()))
    expect(error).toMatchObject({ code: 'NO_WRITABLE_MASTER', maybeStored: false })
    expect(error.message).toMatch(/10\.0\.0\.1:10911 is not one of the allowedHosts/)
    expect(error.hint).toMatch(/brokerIP1.*allowedHosts.*mapBrokerAddress/)
  })

  it('a mapBrokerAddress that throws, or gives nonsense, is told and takes nothing else down', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const bad = [
      () => {
        throw new Error('no such port forward')
      },
      () => undefined as unknown as string,
      () => 'nonsense'
    ]
    for (const answer of bad) {
      const logger = new LinesLogger()
      const other = cluster.brokers[1]?.addr
      const producer = await startProducer(cluster, { logger, mapBrokerAddress: (addr) => (addr === other ? addr : answer()) })
      expect((await producer.send(message())).messageQueue.brokerName).toBe('b')
      expect(logger.lines.join('\n')).toMatch(/address of broker a refused: .*(no such port forward|gave no text|not an address)/)
    }
  })

  it('allowedHosts that are none are refused at the start', async () => {
    const cluster = await startCluster()
    const error = await rejection<RocketMQError>(startProducer(cluster, { allowedHosts: ['10.0.0.0/40'] }))
    expect(error).toMatchObject({ code: 'BAD_OPTION' })
    expect(error.message).toMatch(/^allowedHosts: "10\.0\.0\.0\/40"/)
  })
})

describe('fields that options add to every request', () => {
  it('stream type, zone and namespace of the second kind travel with sends and lookups', async () => {
    const cluster = await startCluster()
    const options = { enableStreamRequestType: true, zoneName: 'z1', zoneMode: 'true', namespaceV2: 'n2' }
    const producer = await startProducer(cluster, options)
    await producer.send(message())
    const fields = cluster.sends[0]?.command.extFields
    expect(fields).toMatchObject({ ReqT: '0', __ZONE_NAME: 'z1', __ZONE_MODE: 'true', nsd: 'true', ns: 'n2' })
    process.env['ROCKETMQ_ZONE'] = 'from-env'
    const other = await startProducer(cluster)
    await other.send(message())
    expect(cluster.sends[1]?.command.extFields).toMatchObject({ __ZONE_NAME: 'from-env' })
    expect(cluster.sends[1]?.command.extFields).not.toHaveProperty('__ZONE_MODE')
  })

  it('an instance endpoint names the namespace of the first kind', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { namespace: 'MQ_INST_1_ab' })
    await producer.send(message())
    expect(cluster.sends[0]?.header.topic).toBe('MQ_INST_1_ab%T')
  })
})
