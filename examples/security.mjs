// TLS and signed requests: a broker that takes nothing else, and what it answers to those who do otherwise.
// Run it with `node examples/security.mjs`; it needs the command `openssl` for a certificate.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const folder = mkdtempSync(path.join(tmpdir(), 'security-example-'))
const certificate = [
  ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=broker'],
  ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'key.pem', '-out', 'cert.pem']
]
execFileSync('openssl', certificate.flat(), { cwd: folder, stdio: 'ignore' })
const cert = readFileSync(path.join(folder, 'cert.pem'))
const key = readFileSync(path.join(folder, 'key.pem'))
// Keys are better kept in a file that nobody else can read than in a program.
const keyFile = path.join(folder, 'shop.key')
writeFileSync(keyFile, 'AccessKey=shop-user\nSecretKey=secret-of-the-shop\n', { mode: 0o600 })

const broker = await LoopbackBroker.start({
  topics: { Orders: { queues: 4 } },
  tls: { cert, key },
  acl: { accounts: [{ accessKey: 'shop-user', secretKey: 'secret-of-the-shop', topicPerms: ['Orders=PUB'] }] }
})

async function send(what, options, topic = 'Orders') {
  const producer = new DefaultMQProducer({
    producerGroup: 'shop',
    ...broker.clientOptions(),
    retryTimesWhenSendFailed: 0,
    ...options
  })
  await producer.start()
  try {
    const { sendStatus } = await producer.send(new Message({ topic, body: 'hello' }))
    console.log(`${what}: ${sendStatus}`)
  } catch (error) {
    console.log(`${what}: ${error.code}. ${error.hint}`)
  } finally {
    await producer.shutdown()
  }
}

try {
  await send('verified and signed', { tls: { ca: cert }, credentials: { keyFile } })
  await send('a wrong secret', { tls: { ca: cert }, credentials: { accessKey: 'shop-user', secretKey: 'a guess' } })
  await send('a topic of others', { tls: { ca: cert }, credentials: { keyFile } }, 'Payments')
  await send('a certificate that nobody vouches for', { tls: {}, credentials: { keyFile }, mqClientApiTimeout: 1000 })
  console.log(`stored: ${broker.messageCount('Orders')}`)
} finally {
  await broker.close()
  rmSync(folder, { recursive: true })
}
