import { describe, expect, it } from 'vitest'
import { DefaultMQProducer } from '../../../src/producer/default-mq-producer.ts'

const create = (options: Record<string, unknown>) => () =>
  new DefaultMQProducer({ producerGroup: 'g', ...options } as unknown as ConstructorParameters<typeof DefaultMQProducer>[0])

describe('an option by another name', () => {
  it.each([
    // ali-ons
    ['nameSrv', 'namesrvAddr'],
    ['onsAddr', 'namesrvAddr (give the addresses themselves: they are not fetched over HTTP)'],
    ['accessKeyId', 'credentials (credentials: { accessKey, secretKey })'],
    ['accessKeySecret', 'credentials'],
    // Go
    ['WithNsResolver', 'namesrvAddr (host:port;host:port)'],
    ['withNameServer', 'namesrvAddr'],
    ['groupName', 'producerGroup'],
    ['WithRetry', 'retryTimesWhenSendFailed'],
    ['WithSendMsgTimeout', 'sendMsgTimeout'],
    ['withInstanceName', 'instanceName'],
    // kafkajs
    ['clientId', 'instanceName'],
    ['brokers', 'namesrvAddr (the addresses of name servers: they tell where the brokers are)'],
    ['requestTimeout', 'sendMsgTimeout (ms)'],
    ['sasl', 'credentials'],
    ['logLevel', 'logger'],
    // gRPC clients
    ['endpoints', 'namesrvAddr'],
    ['sessionCredentials', 'credentials'],
    ['maxAttempts', 'retryTimesWhenSendFailed'],
    ['acl', 'credentials (credentials: { accessKey, secretKey })'],
    ['sendTimeout', 'sendMsgTimeout (ms)'],
    ['retryTimes', 'retryTimesWhenSendFailed'],
    ['maxRetries', 'retryTimesWhenSendFailed'],
    // Java's setters and letters, slips of the pen
    ['setSendMsgTimeout', 'sendMsgTimeout'],
    ['sendmsgtimeout', 'sendMsgTimeout'],
    ['sendMsgTimout', 'sendMsgTimeout'],
    ['maxMesageSize', 'maxMessageSize'],
    ['nemesrvAddr', 'namesrvAddr'],
    ['compressLevle', 'compressLevel']
  ])('producer-76 %s is answered with %s', (name, right) => {
    expect(create({ [name]: 'x' })).toThrow(`there is no option ${name}: use ${right}`)
  })

  it('names that are like none are left alone', () => {
    for (const name of ['transactionListener', 'x', 'tlss', '__proto__x', 'a'.repeat(1000)]) create({ [name]: 1 })()
  })

  it('a group in the place of the options is told where it belongs', () => {
    let error: { message?: string; hint?: string } = {}
    try {
      new DefaultMQProducer('orders' as never)
    } catch (thrown) {
      error = thrown as typeof error
    }
    expect(error.message).toBe('the options are a text: allowed is an object')
    expect(error.hint).toContain('producerGroup: "orders"')
  })

  it('a secret in the wrong place is not shown', () => {
    expect(create({ credentials: 'my-secret' })).toThrow(/^credentials is a text: allowed is an object$/)
    expect(create({ tls: 'my-passphrase' })).toThrow(/^tls is a text: allowed is an object$/)
  })
})
