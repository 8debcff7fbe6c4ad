import { describe, expect, it } from 'vitest'
import { createBrokerConfig, DEFAULT_BROKER_CONFIG } from '../../../src/broker/broker-config.ts'
import { parseBrokerProperties } from '../../../src/broker/broker-properties.ts'

const namesrv = { scanNotActiveBrokerInterval: 5000, orderMessageEnable: false }

describe('settings by RocketMQ’s names', () => {
  it('go where they belong, in the type of their default, the last one wins', () => {
    const parsed = parseBrokerProperties(
      [
        ['autoCreateTopicEnable', 'false'],
        ['brokerName', ' broker-x '],
        ['defaultTopicQueueNums', '8'],
        ['defaultTopicQueueNums', '3'],
        ['flushDiskType', 'SYNC_FLUSH'],
        ['maxMessageSize', '1024'],
        ['orderMessageEnable', 'TRUE']
      ],
      { namesrv }
    )
    expect(parsed).toEqual({
      brokerConfig: { autoCreateTopicEnable: false, brokerName: 'broker-x', defaultTopicQueueNums: 3 },
      storeConfig: { flushDiskType: 'SYNC_FLUSH', maxMessageSize: 1024 },
      namesrvConfig: { orderMessageEnable: true }
    })
  })

  it.each([
    ['noSuchThing', '1', /noSuchThing.*served are .*autoCreateTopicEnable.*flushDiskType/],
    ['__proto__', '1', /__proto__.*served are/],
    ['constructor', '1', /constructor.*served are/],
    ['autoCreateTopicEnable', 'yes', /autoCreateTopicEnable.*true and false/],
    ['brokerPermission', '9', /brokerPermission is 9: allowed is a whole number from 0 to 7/],
    ['defaultTopicQueueNums', '1e3', /defaultTopicQueueNums.*whole number/],
    ['brokerName', 'a b', /brokerName/],
    ['brokerName', '../x', /brokerName/],
    ['flushDiskType', 'NEVER', /flushDiskType.*ASYNC_FLUSH/],
    ['scanNotActiveBrokerInterval', '5', /scanNotActiveBrokerInterval/]
  ])('%s=%s is refused and the error says what is allowed', (name, value, message) => {
    expect(() => parseBrokerProperties([[name, value]])).toThrow(message)
  })

  it('an unknown setting given in code is refused too; undefined counts as absent', () => {
    expect(() => createBrokerConfig({ brokerNam: 'x' } as object)).toThrow(/brokerNam/)
    expect(createBrokerConfig({ brokerName: undefined } as object)).toEqual(DEFAULT_BROKER_CONFIG)
  })
})
