import { describe, expect, it } from 'vitest'
import { processSendResponse } from '../../../src/client/send-response.ts'
import type { SendResult } from '../../../src/client/send-result.ts'
import type { RocketMQError } from '../../../src/internal/errors.ts'
import { MQBrokerException, RemotingCommandException } from '../../../src/internal/errors.ts'
import { Message } from '../../../src/protocol/message.ts'
import { MessageQueue } from '../../../src/protocol/message-queue.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'

const queue = new MessageQueue('T', 'broker-a', 1)
const stored = { msgId: 'OFFSET', queueId: '3', queueOffset: '42' }
const message = new Message({ topic: 'T', body: 'x', uniqKey: 'UNIQ' })

function result(fields: Record<string, string>, code = 0, of: Message = message): SendResult {
  return processSendResponse(new RemotingCommand(code, fields), 'b:1', queue, of)
}

function errorOf(code: number, remark?: string): RocketMQError {
  const response = new RemotingCommand(code)
  response.remark = remark
  try {
    processSendResponse(response, 'b:1', queue, message)
  } catch (error) {
    return error as RocketMQError
  }
  throw new Error('no error')
}

describe('answers to sends', () => {
  it('producer-24 a success carries status, ids, queue and offset', () => {
    const { messageQueue, ...rest } = result({ ...stored, transactionId: 'TX', recallHandle: 'R' })
    expect(rest).toEqual({
      sendStatus: 'SEND_OK',
      msgId: 'UNIQ',
      offsetMsgId: 'OFFSET',
      queueOffset: 42,
      regionId: 'DefaultRegion',
      traceOn: true,
      transactionId: 'TX',
      recallHandle: 'R'
    })
    expect({ ...messageQueue }).toEqual({ topic: 'T', brokerName: 'broker-a', queueId: 3 })
    expect(result(stored)).not.toHaveProperty('transactionId')
  })

  it.each([
    [10, 'FLUSH_DISK_TIMEOUT'],
    [11, 'SLAVE_NOT_AVAILABLE'],
    [12, 'FLUSH_SLAVE_TIMEOUT']
  ])('producer-24 code %i is the result %s', (code, status) => {
    expect(result(stored, code).sendStatus).toBe(status)
  })

  it('producer-33 region and trace switch have defaults', () => {
    const of = (fields: Record<string, string>): unknown[] => {
      const { regionId, traceOn } = result({ ...stored, ...fields })
      return [regionId, traceOn]
    }
    expect(of({})).toEqual(['DefaultRegion', true])
    expect(of({ MSG_REGION: '', TRACE_ON: '' })).toEqual(['DefaultRegion', true])
    expect(of({ MSG_REGION: 'r', TRACE_ON: 'false' })).toEqual(['r', false])
    expect(of({ TRACE_ON: 'true' })).toEqual(['DefaultRegion', true])
  })

  it("producer-34 a batch's id joins those of its messages, unless the broker keeps it as one", () => {
    const batch = Object.assign(new Message({ topic: 'T', body: 'x', uniqKey: 'BATCH' }), { uniqKeys: ['A', 'B'] })
    expect(result({ ...stored, msgId: 'O1,O2' }, 0, batch)).toMatchObject({ msgId: 'A,B', offsetMsgId: 'O1,O2' })
    expect(result({ ...stored, batchUniqId: 'BATCH' }, 0, batch).msgId).toBe('BATCH')
  })

  it('producer-25 another code is an MQBrokerException that holds the remark and the address', () => {
    const error = errorOf(1, 'it broke')
    expect(error).toBeInstanceOf(MQBrokerException)
    expect(error.message).toBe('CODE: 1  DESC: it broke BROKER: b:1')
    expect(error.responseCode).toBe(1)
  })

  it.each([
    [1, 'UNKNOWN_ERROR', true, true],
    [1, undefined, true, true],
    [1, 'create mapped file failed, server is busy or broken.', true, false],
    [2, '[PCBUSY_CLEAN_QUEUE]broker busy', true, false],
    [13, 'the message is illegal', false, false],
    [14, 'service not available now', true, false],
    [16, 'the broker[b] sending message is forbidden', true, false],
    [17, 'topic[T] not exist', true, false],
    [29, 'request queueId[9] is illegal', false, false],
    [215, 'flow control', false, false],
    [1500, 'please go away', true, false]
  ])('code %i "%s": retryable %s, maybe stored %s', (code, remark, retryable, maybeStored) => {
    const error = errorOf(code, remark)
    expect([error.retryable, error.maybeStored]).toEqual([retryable, maybeStored])
  })

  it.each(['msgId', 'queueId', 'queueOffset'])('an answer without %s is a typed error, and the message may be stored', (name) => {
    const { [name as 'msgId']: _, ...fields } = stored
    expect(() => result(fields)).toThrow(RemotingCommandException)
    expect(() => result(fields)).toThrow(expect.objectContaining({ code: 'BAD_FIELD', maybeStored: true }))
    expect(() => result(fields)).toThrow(name)
  })

  it('an offset beyond 2^53-1 is an error, not another number', () => {
    expect(() => result({ ...stored, queueOffset: '9007199254740993' })).toThrow('queueOffset')
  })
})
