import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClientOptions } from '../../src/client/client-options.ts'
import type { MQClientInstance } from '../../src/client/mq-client-instance.ts'
import type { SendResult } from '../../src/client/send-result.ts'
import {
  MQBrokerException,
  RemotingConnectException,
  RemotingSendRequestException,
  RemotingTimeoutException,
  type RocketMQError
} from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import type { SendMessageRequestHeader } from '../../src/protocol/send-message-header.ts'
import { decodeSendMessageRequestHeader } from '../../src/protocol/send-message-header.ts'
import type { CallHolder } from '../../src/transport/in-flight-table.ts'
import { ClientRig, type FakeBroker } from '../support/client-rig.ts'

const queue = new MessageQueue('T', 'broker-a', 1)
let rig: ClientRig
let broker: FakeBroker

beforeEach(async () => {
  rig = new ClientRig()
  await rig.nameServer()
  broker = await rig.broker({})
})
afterEach(() => rig.stop())

function header(more: Partial<SendMessageRequestHeader> = {}): SendMessageRequestHeader {
  return {
    producerGroup: 'g',
    topic: 'T',
    defaultTopic: 'TBW102',
    defaultTopicQueueNums: 4,
    queueId: 1,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_000,
    flag: 0,
    properties: 'WAIT\u0001true\u0002',
    reconsumeTimes: 0,
    unitMode: false,
    batch: false,
    brokerName: 'broker-a',
    ...more
  }
}

function message(body = 'x', more: { uniqKey?: string } = {}): Message {
  return new Message({ topic: 'T', body, uniqKey: 'UNIQ', ...more })
}

interface Call {
  instance?: MQClientInstance
  addr?: string
  message?: Message
  header?: SendMessageRequestHeader
  timeout?: number
}

function send({ instance = rig.instance(), addr = broker.addr, timeout = 3000, ...call }: Call = {}): Promise<SendResult> {
  return instance.api.sendMessage(addr, queue, call.message ?? message(), call.header ?? header(), timeout)
}

async function failure(call: Promise<unknown>, millis = 0): Promise<RocketMQError> {
  const error = call.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: RocketMQError) => error
  )
  await rig.clock.advance(millis)
  return error
}

async function connected(options: ClientOptions = {}): Promise<MQClientInstance> {
  const instance = rig.instance(options)
  await instance.remoting.connect(broker.addr, 3000)
  return instance
}

describe('sends', () => {
  it.each(['JSON', 'ROCKETMQ'] as const)(
    'producer-24 a message arrives whole and its answer becomes the result, %s',
    async (serializeType) => {
      const result = await send({ instance: rig.instance({ serializeType }) })
      expect(result).toMatchObject({ sendStatus: 'SEND_OK', msgId: 'UNIQ', offsetMsgId: 'OFFSET', queueOffset: 7 })
      expect(result.messageQueue).toEqual(new MessageQueue('T', 'broker-a', 1))
      const request = broker.last(310)!
      expect([request.serializeType, request.version, request.body?.toString()]).toEqual([
        serializeType === 'JSON' ? 0 : 1,
        479,
        'x'
      ])
      expect(decodeSendMessageRequestHeader(request)).toMatchObject(header())
    }
  )

  it('producer-27 batches and replies have codes of their own', async () => {
    const reply = message()
    reply.properties.set('MSG_TYPE', 'reply')
    await send({ header: header({ batch: true }) })
    await send({ message: reply })
    await send()
    expect(broker.codes).toEqual([320, 325, 310])
  })

  it('producer-25 a refusal is an MQBrokerException with remark and address', async () => {
    broker.on(310, () => ({ code: 13, remark: 'the message is illegal' }))
    const error = await failure(send())
    expect(error).toBeInstanceOf(MQBrokerException)
    expect([error.responseCode, error.maybeStored]).toEqual([13, false])
    expect(error.message).toBe(`CODE: 13  DESC: the message is illegal BROKER: ${broker.addr}`)
  })

  it('an incomplete answer is a typed error, and the message may be stored', async () => {
    broker.on(310, () => ({}))
    const error = await failure(send())
    expect([error.code, error.maybeStored]).toEqual(['BAD_FIELD', true])
  })

  it('a request is encoded within the call when the connection is open: later changes do not travel', async () => {
    const instance = await connected()
    const body = Buffer.from('before')
    const sent = send({ instance, message: new Message({ topic: 'T', body, uniqKey: 'U' }) })
    body.fill('x')
    await sent
    expect(broker.last(310)?.body?.toString()).toBe('before')
  })

  it('sends leave in call order, also while the connection is opened, and the callbacks come once each', async () => {
    const instance = rig.instance()
    const order: number[] = []
    const one = (n: number): Promise<void> =>
      new Promise((resolve, reject) => {
        instance.api.sendMessageAsync(broker.addr, queue, message(String(n)), header(), 3000, (error, result) => {
          order.push(n)
          if (result === undefined) reject(error)
          else resolve()
        })
      })
    const calls = [one(0), one(1)]
    // Between the calls the event loop turns: some come before, some behind the moment of the connection.
    for (let n = 2; n < 30; n++) {
      calls.push(one(n))
      if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(calls)
    const numbers = Array.from({ length: 30 }, (_, n) => n)
    expect(broker.requests.map(({ request }) => Number(request.body?.toString()))).toEqual(numbers)
    expect(order).toEqual(numbers)
  })

  it('a callback never runs within the call', async () => {
    let within = true
    const done = new Promise<void>((resolve) => {
      rig.instance().api.sendMessageAsync('nonsense', queue, message(), header(), 3000, () => {
        expect(within).toBe(false)
        resolve()
      })
    })
    within = false
    await done
  })
})

describe('sends that fail', () => {
  it('producer-26 with a callback: status and ids, or the transport error with its own message', async () => {
    const outcome = (addr: string): Promise<{ error: RocketMQError | undefined; result: SendResult | undefined }> =>
      new Promise((resolve) => {
        rig.instance().api.sendMessageAsync(addr, queue, message(), header(), 3000, (error, result) => resolve({ error, result }))
      })
    const good = await outcome(broker.addr)
    expect(good.error).toBeUndefined()
    expect(good.result).toMatchObject({ sendStatus: 'SEND_OK', msgId: 'UNIQ', offsetMsgId: 'OFFSET', queueOffset: 7 })
    const bad = await outcome('127.0.0.1:1')
    expect(bad.result).toBeUndefined()
    expect([bad.error?.name, bad.error?.message]).toEqual(['RemotingConnectException', 'connect to 127.0.0.1:1 failed'])
  })

  it('a refused connection: nothing was sent', async () => {
    const error = await failure(send({ addr: '127.0.0.1:1' }))
    expect(error).toBeInstanceOf(RemotingConnectException)
    expect([error.retryable, error.maybeStored]).toEqual([true, false])
  })

  it('security-X12 an invalid address from a route is refused', async () => {
    for (const addr of ['127.0.0.1:99999', '127.0.0.1:0', '127.0.0.1', ':1', '']) {
      const error = await failure(send({ addr }))
      expect([error.code, error.maybeStored]).toEqual(['BAD_ADDRESS', false])
    }
  })

  it('no answer in time: the message may be stored', async () => {
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'drop' } })
    const error = await failure(send({ timeout: 500 }), 1000)
    expect(error).toBeInstanceOf(RemotingTimeoutException)
    expect(error.maybeStored).toBe(true)
  })

  it('a connection that closes: the message may be stored', async () => {
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'close' } })
    const error = await failure(send())
    expect(error).toBeInstanceOf(RemotingSendRequestException)
    expect(error.maybeStored).toBe(true)
  })

  it('time used up before the connection opened: nothing was sent, and nothing is sent later', async () => {
    const instance = rig.instance()
    const error = await failure(send({ instance, timeout: 0 }))
    expect(error.maybeStored).toBe(false)
    await instance.remoting.connect(broker.addr, 3000)
    await rig.clock.advance(0)
    expect(broker.codes).toEqual([])
  })

  it('a send that is given up while its connection is being opened never leaves, and calls nobody back', async () => {
    const holder: CallHolder = { underWay: undefined }
    let calls = 0
    const instance = rig.instance()
    instance.api.sendMessageAsync(broker.addr, queue, message(), header(), 3000, () => calls++, holder)
    expect(holder.underWay?.cancel()).toBe(false)
    void instance.api.sendMessageOneway(broker.addr, queue, message(), header(), 3000, holder)
    expect(holder.underWay?.cancel()).toBe(false)
    await instance.remoting.connect(broker.addr, 3000)
    await rig.clock.advance(5000)
    expect([calls, broker.codes]).toEqual([0, []])
  })

  it('a message that is larger than a frame may be is refused, and the connection lives', async () => {
    const instance = await connected()
    const error = await failure(send({ instance, message: new Message({ topic: 'T', body: Buffer.alloc(17 * 1024 * 1024) }) }))
    expect([error.code, error.maybeStored]).toEqual(['FRAME_TOO_LARGE', false])
    expect((await send({ instance })).sendStatus).toBe('SEND_OK')
  })

  it('a broker that goes away is asked once more on a new connection', async () => {
    const instance = await connected()
    const first = instance.remoting.connection(broker.addr)
    rig.faults.add({
      when: { point: 'request', code: 310 },
      then: { kind: 'respond', code: 1500, remark: 'please go away' },
      times: 1
    })
    expect((await send({ instance })).sendStatus).toBe('SEND_OK')
    expect(instance.remoting.connection(broker.addr)).not.toBe(first)
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'respond', code: 1500 }, times: 2 })
    const error = await failure(send({ instance }))
    expect([error.retryable, error.maybeStored]).toEqual([true, false])
  })
})

describe('oneway sends', () => {
  it('producer-23 settle without a result and are marked as wanting no answer', async () => {
    expect(await rig.instance().api.sendMessageOneway(broker.addr, queue, message(), header(), 3000)).toBeUndefined()
    await rig.clock.advance(0)
    expect([broker.last(310)?.isOneway, broker.last(310)?.body?.toString()]).toEqual([true, 'x'])
  })

  it('producer-23 pass on what the transport says', async () => {
    const error = await failure(rig.instance().api.sendMessageOneway('127.0.0.1:1', queue, message(), header(), 3000))
    expect(error).toBeInstanceOf(RemotingConnectException)
  })
})

describe('hooks around requests', () => {
  it('producer-63 every field and the body are signed, those of other hooks too', async () => {
    const seen: string[] = []
    const hook = {
      doBeforeRequest(_addr: string, request: { extFields: Record<string, string> }) {
        request.extFields['zone'] = 'z1'
      },
      doAfterResponse(addr: string, request: { code: number }, response: { code: number }) {
        seen.push(`${addr} ${request.code} ${response.code}`)
      }
    }
    const instance = rig.instance({
      credentials: { accessKey: 'ak', secretKey: 'sk' },
      namespaceV2: 'ns',
      rpcHooks: [hook]
    })
    await send({ instance })
    const request = broker.last(310)!
    const { Signature, ...fields } = request.extFields
    expect(fields).toMatchObject({ AccessKey: 'ak', zone: 'z1', ns: 'ns', nsd: 'true', b: 'T' })
    const content = Object.keys(fields)
      .sort()
      .map((name) => fields[name])
      .join('')
    expect(Signature).toBe(createHmac('sha1', 'sk').update(`${content}x`).digest('base64'))
    expect(seen).toEqual([`${broker.addr} 310 0`])
  })
})
