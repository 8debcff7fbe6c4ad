import { describe, expect, it } from 'vitest'
import { DefaultMQProducer } from '../../../src/producer/default-mq-producer.ts'
import { producerConfig } from '../../../src/producer/producer-options.ts'

describe('producer options', () => {
  it('producer-12 eight answer codes are retried by default, and more may be added', () => {
    const producer = new DefaultMQProducer({ producerGroup: 'g' })
    expect([...producer.retryResponseCodes].sort((a, b) => a - b)).toEqual([1, 2, 14, 16, 17, 204, 205, 1500])
    producer.addRetryResponseCode(215)
    expect(producer.retryResponseCodes.has(215)).toBe(true)
    expect(new DefaultMQProducer({ producerGroup: 'g' }).retryResponseCodes.has(215)).toBe(false)
    expect([...new DefaultMQProducer({ producerGroup: 'g', retryResponseCodes: [3] }).retryResponseCodes]).toEqual([3])
  })

  it('producer-13 latency fault avoidance and re-sending after a bad store status are off', () => {
    const producer = new DefaultMQProducer({ producerGroup: 'g' })
    expect(producer.sendLatencyFaultEnable).toBe(false)
    expect(producer.retryAnotherBrokerWhenNotStoreOK).toBe(false)
  })

  it('producer-14 a plain producer refuses transactions', async () => {
    await expect(new DefaultMQProducer({ producerGroup: 'g' }).sendMessageInTransaction()).rejects.toThrow(
      'sendMessageInTransaction not implement, please use TransactionMQProducer class'
    )
  })

  it('producer-15 group, topics, trace switch and trace topic are kept as given', () => {
    const producer = new DefaultMQProducer({ producerGroup: 'g', topics: ['A', 'B'], enableTrace: true, traceTopic: 'Traces' })
    expect(producer).toMatchObject({ producerGroup: 'g', topics: ['A', 'B'], enableTrace: true, traceTopic: 'Traces' })
    expect(new DefaultMQProducer({ producerGroup: 'g' })).toMatchObject({ topics: [], enableTrace: false, traceTopic: '' })
  })

  it('has the defaults of Java', () => {
    expect(producerConfig({ producerGroup: 'g' })).toMatchObject({
      createTopicKey: 'TBW102',
      defaultTopicQueueNums: 4,
      sendMsgTimeout: 3000,
      sendMsgMaxTimeoutPerRequest: -1,
      compressMsgBodyOverHowmuch: 4096,
      compressLevel: 5,
      compressType: 'ZLIB',
      retryTimesWhenSendFailed: 2,
      retryTimesWhenSendAsyncFailed: 2,
      maxMessageSize: 4_194_304,
      backPressureForAsyncSendNum: 10_000,
      backPressureForAsyncSendSize: 104_857_600
    })
  })

  it('names an option that is out of range', () => {
    expect(() => producerConfig({ producerGroup: 'g', sendMsgTimeout: 0 })).toThrow(
      'sendMsgTimeout is 0: allowed is a whole number from 1 to 2147483647'
    )
    expect(() => producerConfig({ producerGroup: 'g', compressLevel: 10 })).toThrow('from 0 to 9')
    expect(() => producerConfig({ producerGroup: 'g', compressType: 'GZIP' as 'ZLIB' })).toThrow('ZLIB, LZ4 or ZSTD')
    expect(() => producerConfig({ producerGroup: 'g', whenFull: 'drop' as 'wait' })).toThrow('wait or reject')
  })
})
