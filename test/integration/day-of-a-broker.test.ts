import { expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { LocalTransactionState } from '../../src/producer/transaction-listener.ts'
import { TransactionMQProducer } from '../../src/producer/transaction-mq-producer.ts'
import { encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { Message } from '../../src/protocol/message.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { registerBrokerRequest } from '../support/registration.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

it('store-51 store-58 store-74 store-85 store-162 24 hours of a name server, a broker and a producer: what is due happens when it is due, and nothing else', {
  timeout: 60_000
}, async () => {
  const network = new MemoryNetwork()
  const clock = new HeldClock()
  const begin = clock.now()
  const broker = await LoopbackBroker.start({
    network,
    clock,
    topics: { T: { queues: 1 }, Late: { queues: 1 }, Timed: { queues: 1 } },
    journal: false
  })
  /** When each question of the broker came, ms since the start, by the key of the half message. */
  const asked = new Map<string, number[]>()
  const producer = new TransactionMQProducer({
    producerGroup: 'day',
    ...broker.clientOptions(),
    transactionListener: {
      executeLocalTransaction: () => LocalTransactionState.UNKNOW,
      checkLocalTransaction: (message) => {
        const key = String(message.keys)
        const times = asked.get(key) ?? []
        asked.set(key, [...times, clock.now() - begin])
        return key === 'undecided' || times.length < 2 ? LocalTransactionState.UNKNOW : LocalTransactionState.COMMIT_MESSAGE
      }
    }
  })
  await producer.start()
  // The first heartbeat tells the broker whom to ask.
  await clock.advance(2 * SECOND)
  const peers = [await RawPeer.connect(network, { host: '127.0.0.1', port: Number(broker.namesrvAddr.split(':')[1]) })]
  const [member] = broker.brokers
  peers.push(await RawPeer.connect(network, { host: '127.0.0.1', port: Number(member.addr.split(':')[1]) }))
  const ask = async (peer: RawPeer, command: RemotingCommand): Promise<RemotingCommand> => {
    peer.send(command)
    return peer.next()
  }
  // Each broker and client that falls silent now.
  expect(
    (await ask(peers[0], registerBrokerRequest({ brokerName: 'silent', topics: [{ topicName: 'S' }, { topicName: 'S2' }] }))).code
  ).toBe(0)
  const beat = encodeHeartbeat({
    clientID: 'silent',
    producerDataSet: [{ groupName: 'silent' }],
    consumerDataSet: [],
    heartbeatFingerprint: 0,
    withoutSub: false
  })
  expect((await ask(peers[1], RemotingCommand.request(34, {}, beat))).code).toBe(0)
  // Over a connection of its own: one that is idle for two minutes is closed.
  const route = async (): Promise<RemotingCommand> => {
    const peer = await RawPeer.connect(network, { host: '127.0.0.1', port: Number(broker.namesrvAddr.split(':')[1]) })
    const answer = await ask(peer, RemotingCommand.request(105, { topic: 'S' }))
    peer.destroy()
    return answer
  }
  const groups = (): string[] => broker.producers().map(({ group }) => group)
  expect([(await route()).code, groups().sort()]).toEqual([
    0,
    ['CLIENT_INNER_PRODUCER', 'day', 'silent'].filter((group) => groups().includes(group))
  ])
  expect(groups()).toContain('silent')

  await producer.sendMessageInTransaction(new Message({ topic: 'T', keys: 'decided', body: 'x' }))
  await producer.sendMessageInTransaction(new Message({ topic: 'T', keys: 'undecided', body: 'x' }))
  const sent = clock.now()
  // The 18 levels, and hours until 23.
  for (let level = 1; level <= 18; level++)
    await producer.send(new Message({ topic: 'Late', body: `${level}`, delayTimeLevel: level }))
  for (let hour = 1; hour <= 23; hour++)
    await producer.send(new Message({ topic: 'Timed', body: `${hour}`, delayTimeSec: hour * 3600 }))

  await clock.advance(3 * MINUTE)
  expect((await route()).code).toBe(17)
  expect(groups()).not.toContain('silent')
  const until = (millis: number): Promise<void> => clock.advance(begin + millis - clock.now())
  for (let hour = 1; hour < 24; hour++) {
    await until(hour * HOUR + 10 * SECOND)
    expect(broker.messages('Timed').length, `${hour} h`).toBe(hour)
    // One message an hour: connections, routes and registrations have lasted.
    expect((await producer.send(new Message({ topic: 'T', body: `hour ${hour}` }))).sendStatus).toBe('SEND_OK')
  }
  await until(24 * HOUR)

  const levels = [1, 5, 10, 30, ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30].map((minutes) => minutes * 60), 3600, 7200]
  const late = broker
    .messages('Late')
    .map(({ body, storeTimestamp }) => [Number(body.toString()), Math.round((storeTimestamp - sent) / SECOND)])
  expect(late.sort(([a], [b]) => a - b)).toEqual(levels.map((seconds, i) => [i + 1, seconds]))
  const timed = broker
    .messages('Timed')
    .map(({ body, storeTimestamp }) => (storeTimestamp - sent) / HOUR - Number(body.toString()))
  // To the second, as `timerPrecisionMs` says.
  expect(Math.max(...timed.map(Math.abs)) * HOUR).toBeLessThanOrEqual(2 * SECOND)
  // Asked about once a check, until it was decided, or as often as `transactionCheckMax` allows.
  expect(asked.get('decided')).toHaveLength(3)
  expect(asked.get('undecided')).toHaveLength(15)
  const gaps = asked
    .get('undecided')!
    .slice(1)
    .map((at, i) => at - (asked.get('undecided') as number[])[i])
  expect([Math.min(...gaps), Math.max(...gaps)]).toEqual([30 * SECOND, 30 * SECOND])
  expect(broker.messages('T').map(({ keys, body }) => String(keys ?? '') || body.toString())).toEqual([
    'decided',
    ...Array.from({ length: 23 }, (_, i) => `hour ${i + 1}`)
  ])
  expect(broker.messages('TRANS_CHECK_MAX_TIME_TOPIC').map(({ keys }) => String(keys))).toEqual(['undecided'])
  // The day has changed once: the totals of the last midnight are those of its time.
  const info = JSON.parse(
    (
      await ask(
        await RawPeer.connect(network, { host: '127.0.0.1', port: Number(member.addr.split(':')[1]) }),
        RemotingCommand.request(28)
      )
    ).body!.toString()
  ) as { table: Record<string, string> }
  expect(Number(info.table['msgPutTotalTodayMorning'])).toBeGreaterThan(0)
  expect(Number(info.table['msgPutTotalTodayMorning'])).toBeLessThan(Number(info.table['msgPutTotalTodayNow']))
  await producer.shutdown()
  for (const peer of peers) peer.destroy()
  await broker.close()
})
