import { describe, expect, it } from 'vitest'
import { MQClientException } from '../../../src/internal/errors.ts'
import { MessageUtil, type RequestMessage } from '../../../src/producer/message-util.ts'

const properties = {
  CLUSTER: 'DefaultCluster',
  CORRELATION_ID: 'c-1',
  REPLY_TO_CLIENT: '10.0.0.1@1',
  TTL: '3000',
  TAGS: 'ask',
  other: 'x'
}

describe('MessageUtil', () => {
  it("producer-52 a reply goes to the cluster's reply topic with the request's correlation, client and time to live, and nothing else", () => {
    for (const given of [properties, new Map(Object.entries(properties))]) {
      const reply = MessageUtil.createReplyMessage({ properties: given }, 'done')
      expect(reply.topic).toBe('DefaultCluster_REPLY_TOPIC')
      expect(reply.body.toString()).toBe('done')
      expect(Object.fromEntries(reply.properties)).toEqual({
        MSG_TYPE: 'reply',
        CORRELATION_ID: 'c-1',
        REPLY_TO_CLIENT: '10.0.0.1@1',
        TTL: '3000',
        WAIT: 'true'
      })
      expect(MessageUtil.getReplyToClient({ properties: given })).toBe('10.0.0.1@1')
    }
  })

  it('producer-52 a request that is missing, or has no cluster, has a text of its own', () => {
    const texts: Array<[RequestMessage | undefined, string]> = [
      [undefined, 'create reply message fail, requestMessage cannot be null.'],
      [null as never, 'create reply message fail, requestMessage cannot be null.'],
      [{ properties: {} }, 'create reply message fail, requestMessage error, property[CLUSTER] is null.'],
      [{ properties: { CLUSTER: 7 as never } }, 'property[CLUSTER] is null.']
    ]
    for (const [request, text] of texts) {
      const create = (): unknown => MessageUtil.createReplyMessage(request as RequestMessage, 'x')
      expect(create).toThrow(MQClientException)
      expect(create).toThrow(text)
      try {
        create()
      } catch (error) {
        expect(error).toMatchObject({ responseCode: 10_007, code: 'CREATE_REPLY' })
      }
    }
  })
})
