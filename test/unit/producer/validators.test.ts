import { describe, expect, it } from 'vitest'
import { MQClientException } from '../../../src/internal/errors.ts'
import {
  checkBatchAnswer,
  checkBody,
  checkGroup,
  checkMessage,
  checkTopic,
  checkTopicAllowsSend
} from '../../../src/producer/validators.ts'
import { Message } from '../../../src/protocol/message.ts'

function failure(run: () => void): MQClientException {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(MQClientException)
    return error as MQClientException
  }
  throw new Error('nothing was thrown')
}

describe('validators', () => {
  it('producer-59 groups, topics and forbidden topics are refused with the texts of Java', () => {
    expect(failure(() => checkGroup(' ')).message).toBe('the specified group is blank')
    expect(failure(() => checkGroup('g'.repeat(256))).message).toBe('the specified group is longer than group max length 255.')
    expect(failure(() => checkGroup('a b')).message).toBe(
      'the specified group[a b] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$'
    )
    expect(failure(() => checkTopic('')).message).toBe('The specified topic is blank')
    expect(failure(() => checkTopic('TOPIC&*^')).message).toBe(
      'The specified topic[TOPIC&*^] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$'
    )
    expect(failure(() => checkTopic('t'.repeat(128))).message).toBe('The specified topic is longer than topic max length 127.')
    for (const topic of ['%RETRY%Hello', '-%RETRY%Hello', 't'.repeat(127), 'TBW102']) checkTopic(topic)
    for (const topic of [
      'SCHEDULE_TOPIC_XXXX',
      'RMQ_SYS_TRANS_HALF_TOPIC',
      'RMQ_SYS_TRANS_OP_HALF_TOPIC',
      'TRANS_CHECK_MAX_TIME_TOPIC',
      'SELF_TEST_TOPIC',
      'OFFSET_MOVED_EVENT'
    ]) {
      const error = failure(() => checkTopicAllowsSend(topic))
      expect(error.message).toBe(`Sending message to topic[${topic}] is forbidden.`)
      expect(error.responseCode).toBe(-1)
    }
  })

  it('producer-1 a body that is missing, empty or too large is refused with code 13', () => {
    expect(failure(() => checkMessage(undefined as unknown as Message))).toMatchObject({
      message: 'CODE: 13  DESC: the message is null',
      responseCode: 13
    })
    expect(failure(() => checkBody(undefined as unknown as Uint8Array, 9)).message).toContain('the message body is null')
    expect(failure(() => checkBody(Buffer.alloc(0), 9)).message).toContain('the message body length is zero')
    expect(failure(() => checkBody(Buffer.alloc(10), 9)).message).toContain('the message body size over max value, MAX: 9')
    checkBody(Buffer.alloc(9), 9)
  })

  it('something else than a message is refused', () => {
    expect(failure(() => checkMessage({ topic: 'T', body: 'x' } as unknown as Message)).message).toContain('is not a Message')
    checkMessage(new Message({ topic: 'T', body: 'x' }))
  })

  it('a batch whose answer would pass the header limit is refused', () => {
    checkBatchAnswer(100, 33 * 100 + 1024)
    expect(failure(() => checkBatchAnswer(101, 33 * 100 + 1024)).message).toContain('at most 100 messages fit')
  })

  it('producer-69 user properties with reserved or blank names and blank values are refused', () => {
    const message = new Message({ topic: 'T', body: 'x' })
    expect(failure(() => message.putUserProperty('KEYS', 'x')).message).toBe(
      'The Property<KEYS> is used by system, input another please'
    )
    for (const [name, value] of [
      ['', 'x'],
      ['x', ' ']
    ] as const) {
      expect(failure(() => message.putUserProperty(name, value)).message).toBe(
        'The name or value of property can not be null or blank string!'
      )
    }
    message.putUserProperty('a', 'b')
    expect(message.getUserProperty('a')).toBe('b')
  })
})
