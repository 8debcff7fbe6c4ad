import { describe, expect, it } from 'vitest'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { parseFastjson } from '../../src/protocol/fastjson.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { decodeTopicRoute, type QueueData } from '../../src/protocol/topic-route.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { type Conversation, conversations, type RecordedFrame } from '../golden/load.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { registerBrokerRequest, topicConfig } from '../support/registration.ts'

/**
 * What real clients asked the recorded 5.3.3 name server, asked of ours. The only difference allowed: a binary request is answered in
 * binary here, in JSON there.
 */
const recorded = conversations().filter(({ server }) => server === 'namesrv')

function decode(frame: RecordedFrame): RemotingCommand {
  const bytes = Buffer.from(frame.hex, 'hex')
  return RemotingCommand.decode(bytes, 0, bytes.length)
}

function visible(answer: RemotingCommand, type: number): Record<string, unknown> {
  const { code, flag, opaque, language, version, remark, body } = answer
  const fields = type === 0 && answer.hasExtFields ? { ...answer.extFields } : undefined
  const text = body?.toString()
  // The text matters as it stands: some clients take it apart by hand.
  return {
    code,
    flag,
    opaque,
    language,
    version,
    remark,
    fields,
    text,
    json: text === undefined ? undefined : parseFastjson(text)
  }
}

class Replay {
  readonly #network = new MemoryNetwork()
  readonly #server = new NameServer({ network: this.#network })
  readonly #topics = new Map<string, QueueData>()
  #broker!: RawPeer
  #client!: RawPeer
  #counter = 0

  async run({ frames }: Conversation): Promise<number> {
    await this.#server.start()
    this.#broker = await this.#connect()
    this.#client = await this.#connect()
    const answers = new Map(frames.filter((f) => f.answers !== undefined).map((f) => [f.answers!, f]))
    let compared = 0
    for (const frame of frames) {
      const recordedAnswer = frame.dir === 'c2s' ? answers.get(frame.seq) : undefined
      if (recordedAnswer === undefined || recordedAnswer.truncated === true) continue
      await this.#compare(frame, recordedAnswer)
      compared++
    }
    for (const peer of [this.#broker, this.#client]) peer.destroy()
    await this.#server.shutdown()
    return compared
  }

  async #connect(): Promise<RawPeer> {
    return RawPeer.connect(this.#network, this.#server)
  }

  async #compare(frame: RecordedFrame, recordedAnswer: RecordedFrame): Promise<void> {
    const request = decode(frame)
    const theirs = decode(recordedAnswer)
    await this.#bringAbout(request, theirs)
    this.#client.write(Buffer.from(frame.hex, 'hex'))
    const ours = await this.#client.next()
    expect(ours.serializeType).toBe(request.serializeType)
    expect(theirs.serializeType).toBe(0)
    expect(visible(ours, ours.serializeType)).toEqual(visible(theirs, ours.serializeType))
  }

  /** Registers what the recorded broker must have registered by then. */
  async #bringAbout(request: RemotingCommand, answer: RemotingCommand): Promise<void> {
    const before = JSON.stringify([...this.#topics])
    if (request.code === 105 && answer.code === 0) {
      for (const data of decodeTopicRoute(answer.body).queueDatas) this.#topics.set(request.extFields['topic'], data)
    }
    if (this.#counter > 0 && JSON.stringify([...this.#topics]) === before) return
    const topics = [...this.#topics].map(([topicName, data]) => topicConfig({ ...data, topicName }))
    const counter = ++this.#counter
    const filler = [topicConfig({ topicName: 'broker-a' }), topicConfig({ topicName: 'DefaultCluster' })]
    this.#broker.send(
      registerBrokerRequest({ brokerAddr: '127.0.0.1:31911', topics: [...filler, ...topics], dataVersion: { counter } })
    )
    expect((await this.#broker.next()).code).toBe(0)
  }
}

describe('what real clients asked a name server', () => {
  const clients = [...new Set(recorded.map(({ client }) => client))]

  it.each(clients)('%s', async (client) => {
    let compared = 0
    for (const conversation of recorded.filter((c) => c.client === client)) compared += await new Replay().run(conversation)
    expect(compared).toBeGreaterThan(20)
  })
})
