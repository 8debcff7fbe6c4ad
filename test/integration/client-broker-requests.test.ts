import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MQClientInstance } from '../../src/client/mq-client-instance.ts'
import { hostAddress } from '../../src/protocol/host-address.ts'
import { storedMessageLength, writeStoredMessage } from '../../src/protocol/message-codec.ts'
import { encodeProperties } from '../../src/protocol/properties.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { Connection } from '../../src/transport/connection.ts'
import { ClientRig, type FakeBroker, findRoute, producer } from '../support/client-rig.ts'

let rig: ClientRig
let broker: FakeBroker
let instance: MQClientInstance
/** The broker's end of the client's connection. */
let connection: Connection

beforeEach(async () => {
  rig = new ClientRig()
  await rig.nameServer()
  broker = await rig.broker({})
  instance = rig.instance()
  await instance.tryToFindTopicPublishInfo('T', findRoute)
  await instance.remoting.connect(broker.addr, 3000)
  await rig.clock.advance(0)
  ;[connection] = broker.server.connections
})
afterEach(() => rig.stop())

function ask(code: number, fields: Record<string, string> = {}, body?: Buffer): Promise<RemotingCommand> {
  return connection.invokeAsync(RemotingCommand.request(code, fields, body), 3000)
}

async function tell(code: number, body?: Buffer): Promise<void> {
  connection.sendOneway(Object.assign(RemotingCommand.request(code, { consumerGroup: 'cg' }, body), { flag: 2 }))
  await rig.clock.advance(0)
}

/** A half message as a broker sends it along. */
function storedMessage(properties: Record<string, string>): Buffer {
  const host = hostAddress('127.0.0.1', 10911)
  const fields = {
    topic: 'T',
    body: Buffer.from('x'),
    propertiesString: encodeProperties(new Map(Object.entries(properties))),
    queueId: 0,
    flag: 0,
    queueOffset: 0,
    physicalOffset: 0,
    sysFlag: 4,
    bornTimestamp: 1,
    bornHost: host,
    storeTimestamp: 1,
    storeHost: host,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0
  }
  const bytes = Buffer.alloc(storedMessageLength(fields))
  writeStoredMessage(bytes, 0, fields)
  return bytes
}

describe('what a broker asks of a client', () => {
  it('wire-W9 unknown codes get 3, and the connection lives', async () => {
    const answer = await ask(4242)
    expect([answer.code, answer.remark]).toEqual([3, ' request type 4242 not supported'])
    expect(connection.closed).toBe(false)
  })

  it('notices for consumers are taken without an answer', async () => {
    await tell(40)
    await tell(220)
    expect((await ask(4242)).code).toBe(3)
    expect(rig.logger.lines.filter((line) => line.startsWith('warn'))).toEqual([])
  })

  it('producer-56 questions about consumer groups are answered: there are none here', async () => {
    for (const code of [307, 309]) {
      const answer = await ask(code, { consumerGroup: 'cg' })
      expect([answer.code, answer.remark]).toEqual([1, 'The Consumer Group <cg> not exist in this consumer'])
    }
  })

  it('producer-54 a transaction check reaches the producer of its group and gets no answer', async () => {
    const checked: string[] = []
    const handle = (group: string) =>
      producer(group, [], { checkTransactionState: (from) => void checked.push(`${group} ${from.remoteAddr}`) })
    instance.registerProducer(handle('g1'))
    instance.registerProducer(handle('g2'))
    instance.registerProducer(producer('plain'))
    for (const group of ['g2', 'plain', 'nobody']) await tell(39, storedMessage({ PGROUP: group }))
    await tell(39, Buffer.from('garbage'))
    await tell(39)
    expect(checked).toEqual([`g2 ${broker.addr}`])
    expect(connection.inFlight).toBe(0)
    expect(rig.logger.lines.filter((line) => line.includes('transaction check'))).toHaveLength(4)
  })

  it('producer-54 a check that throws harms nothing', async () => {
    const checkTransactionState = (): void => {
      throw new Error('boom')
    }
    instance.registerProducer(producer('g', [], { checkTransactionState }))
    await tell(39, storedMessage({ PGROUP: 'g' }))
    expect(rig.logger.lines.join('\n')).toContain('boom')
    expect((await ask(4242)).code).toBe(3)
  })

  it('producer-53 a pushed reply is offered to each producer, and is a success even when nobody wants it', async () => {
    expect((await ask(326)).code).toBe(0)
    const offered: string[] = []
    const handle = (group: string, takes: boolean) =>
      producer(group, [], {
        processReply: (request) => {
          offered.push(group)
          return takes ? RemotingCommand.response(request, 0, `taken by ${group}`) : undefined
        }
      })
    instance.registerProducer(handle('g1', false))
    instance.registerProducer(producer('plain'))
    instance.registerProducer(handle('g2', true))
    instance.registerProducer(handle('g3', true))
    expect((await ask(326)).remark).toBe('taken by g2')
    expect(offered).toEqual(['g1', 'g2'])
  })
})
