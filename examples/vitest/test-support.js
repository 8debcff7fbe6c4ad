import { brokerFixture, matchers } from 'rocketmq-producer/testing'
import { test as base, expect } from 'vitest'

expect.extend(matchers)

export const test = base.extend(brokerFixture({ topics: { Orders: { queues: 1 } } }))
