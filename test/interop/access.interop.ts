import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DefaultMQProducer, type DefaultMQProducerOptions, Message, type RocketMQError } from '../../dist/index.js'
import { AclClientRPCHook } from '../../src/client/acl-client-rpc-hook.ts'
import { realClock } from '../../src/internal/clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { RemotingClient } from '../../src/transport/remoting-client.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { type RealServers, startServers } from './harness/servers.js'

// Users and permissions: RocketMQ's two generations of access control against our signatures.

const topics = { Allowed: 2, Denied: 2 }
const retryTimesWhenSendFailed = 0
let group = 0

async function send(servers: RealServers, topic: string, options: Partial<DefaultMQProducerOptions>): Promise<string> {
  const producer = new DefaultMQProducer({
    producerGroup: `access-${++group}`,
    namesrvAddr: servers.namesrvAddr,
    sendMsgTimeout: 20_000,
    retryTimesWhenSendFailed,
    ...options
  })
  await producer.start()
  try {
    const batch = [new Message({ topic, body: 'one' }), new Message({ topic, body: 'two' })]
    await producer.send(batch)
    // A header field of every kind: properties, tags, keys, text outside ASCII.
    const message = new Message({
      topic,
      body: Buffer.alloc(5000, 'x'),
      tags: 'a',
      keys: ['k'],
      properties: { name: 'Zoë 你好' }
    })
    return (await producer.send(message)).sendStatus
  } catch (error) {
    const { responseCode, maybeStored, hint, attempts } = error as RocketMQError
    return `${responseCode} ${maybeStored} ${hint?.includes('accessKey')} ${attempts[0]?.reason}`
  } finally {
    await producer.shutdown()
  }
}

/** One request of any kind, signed. */
async function ask(
  addr: string,
  credentials: { accessKey: string; secretKey: string },
  request: RemotingCommand
): Promise<string> {
  const rpcHooks = [new AclClientRPCHook(credentials)]
  const client = new RemotingClient({ network: tcpNetwork, clock: realClock, logger: silentLogger, rpcHooks })
  try {
    const { code, remark } = await client.invoke(addr, request, 20_000)
    return `${code} ${remark ?? ''}`
  } finally {
    await client.close()
  }
}

const queryByUniqueKey = (topic: string): RemotingCommand =>
  RemotingCommand.request(12, {
    topic,
    key: 'absent',
    maxNum: '32',
    beginTimestamp: '0',
    endTimestamp: String(Date.now()),
    _UNIQUE_KEY_QUERY: 'true'
  })

describe('a real 4.9.7 broker with ACL 1.0', () => {
  const plainAcl = `
globalWhiteRemoteAddresses:
accounts:
- accessKey: producer-user
  secretKey: secret-of-producer
  whiteRemoteAddress:
  admin: false
  defaultTopicPerm: DENY
  defaultGroupPerm: DENY
  topicPerms:
  - Allowed=PUB|SUB
`
  const user = { accessKey: 'producer-user', secretKey: 'secret-of-producer' }
  let servers: RealServers
  beforeAll(async () => {
    servers = await startServers({
      version: '4.9.7',
      topics,
      brokerConfig: { aclEnable: true },
      files: { 'conf/plain_acl.yml': plainAcl }
    })
  })
  afterAll(() => servers?.stop())

  test.each(['JSON', 'ROCKETMQ'] as const)(
    'accepts our signatures, headers in %s, with and without a token',
    async (serializeType) => {
      expect(await send(servers, 'Allowed', { credentials: user, serializeType })).toBe('SEND_OK')
      const credentials = { ...user, securityToken: 'token', onsChannel: 'ALIYUN' }
      const more = { zoneName: 'z', enableStreamRequestType: true, namespaceV2: 'n' }
      expect(await send(servers, 'Allowed', { credentials, serializeType, ...more })).toBe('SEND_OK')
    }
  )

  test('refuses a wrong secret, an unknown user, no signature and a topic without permission: nothing is stored', async () => {
    const refused = 'false true CODE: 1  DESC: org.apache.rocketmq.acl.common.AclException: '
    const wrong = { ...user, secretKey: 'not-the-secret' }
    expect(await send(servers, 'Allowed', { credentials: wrong })).toContain(
      `1 ${refused}Check signature failed for accessKey=producer-user`
    )
    expect(await send(servers, 'Allowed', { credentials: { ...user, accessKey: 'nobody-here' } })).toContain(
      `1 ${refused}No acl config for nobody-here`
    )
    expect(await send(servers, 'Allowed', {})).toContain(`1 ${refused}No accessKey is configured`)
    expect(await send(servers, 'Denied', { credentials: user })).toContain(`1 ${refused}No default permission for topic:Denied`)
  })

  test('accepts a query by unique key, whose field it leaves out of what it checks', async () => {
    const [{ addr }] = servers.brokers
    expect(await ask(addr, user, queryByUniqueKey('Allowed'))).not.toContain('signature')
    expect(await ask(addr, { ...user, secretKey: 'not-the-secret' }, queryByUniqueKey('Allowed'))).toContain('signature')
  })
})

describe('a real 5.3.3 broker with authentication and authorization', () => {
  const root = { accessKey: 'rootuser', secretKey: 'secret-of-root' }
  const user = { accessKey: 'produceruser', secretKey: 'secret-of-producer' }
  const auth = 'org.apache.rocketmq.auth'
  let servers: RealServers
  beforeAll(async () => {
    servers = await startServers({
      topics,
      brokerConfig: {
        authenticationEnabled: true,
        authenticationProvider: `${auth}.authentication.provider.DefaultAuthenticationProvider`,
        authenticationMetadataProvider: `${auth}.authentication.provider.LocalAuthenticationMetadataProvider`,
        initAuthenticationUser: JSON.stringify({ username: root.accessKey, password: root.secretKey }),
        innerClientAuthenticationCredentials: JSON.stringify(root),
        authorizationEnabled: true,
        authorizationProvider: `${auth}.authorization.provider.DefaultAuthorizationProvider`,
        authorizationMetadataProvider: `${auth}.authorization.provider.LocalAuthorizationMetadataProvider`
      }
    })
    const [{ addr }] = servers.brokers
    const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
    const { accessKey: username, secretKey: password } = user
    const createUser = json({ username, password, userType: 'Normal', userStatus: 'enable' })
    expect(await ask(addr, root, RemotingCommand.request(3001, { username }, createUser))).toMatch(/^0 /)
    const subject = `User:${username}`
    const policy = { policyType: 'Custom', entries: [{ resource: 'Topic:Allowed', actions: ['Pub', 'Sub'], decision: 'Allow' }] }
    const createAcl = json({ subject, policies: [policy] })
    expect(await ask(addr, root, RemotingCommand.request(3006, { subject }, createAcl))).toMatch(/^0 /)
  })
  afterAll(() => servers?.stop())

  test.each(['JSON', 'ROCKETMQ'] as const)(
    'accepts our signatures, headers in %s, of its root and of a user',
    async (serializeType) => {
      expect(await send(servers, 'Denied', { credentials: root, serializeType })).toBe('SEND_OK')
      expect(await send(servers, 'Allowed', { credentials: user, serializeType })).toBe('SEND_OK')
      const more = { zoneName: 'z', enableStreamRequestType: true }
      expect(await send(servers, 'Allowed', { credentials: user, serializeType, ...more })).toBe('SEND_OK')
    }
  )

  test('refuses a wrong secret, an unknown user, no signature and a topic without permission: nothing is stored', async () => {
    const wrong = { ...user, secretKey: 'not-the-secret' }
    const refusals = [
      await send(servers, 'Allowed', { credentials: wrong }),
      await send(servers, 'Allowed', { credentials: { ...user, accessKey: 'nobody-here' } }),
      await send(servers, 'Allowed', {}),
      await send(servers, 'Denied', { credentials: user })
    ]
    for (const refusal of refusals) expect(refusal).toMatch(/^16 false true CODE: 16 /)
  })

  test('accepts a query by unique key', async () => {
    const [{ addr }] = servers.brokers
    expect(await ask(addr, root, queryByUniqueKey('Allowed'))).not.toMatch(/^16/)
    expect(await ask(addr, { ...root, secretKey: 'not-the-secret' }, queryByUniqueKey('Allowed'))).toMatch(/^16/)
  })
})
