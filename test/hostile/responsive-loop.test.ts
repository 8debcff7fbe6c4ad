import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { isPromise } from '../../src/internal/async.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { compressBody } from '../../src/protocol/compression.ts'
import { FrameReader, SERVER_LIMITS } from '../../src/protocol/frame-reader.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { ClientRig, findRoute } from '../support/client-rig.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { echo, echoServer } from '../support/remoting.ts'
import { imageOf, storeFolders } from '../support/store-folder.ts'
import { nextTurn, until } from '../support/turns.ts'
import { message } from '../unit/store/store-fixture.ts'

const COUNTED = 8
const folder = storeFolders()

const openStore = (root: string): DefaultMessageStore =>
  new DefaultMessageStore(
    { mappedFileSizeCommitLog: 64 * 1024 * 1024 },
    { clock: new HeldClock(), logger: silentLogger, files: { root } }
  )

/** Calls `look` in every turn of the event loop until `work` has settled. */
async function eachTurn(work: Promise<unknown>, look: () => void): Promise<void> {
  let running = true
  const turns = (async () => {
    while (running) {
      await new Promise((resolve) => setImmediate(resolve))
      look()
    }
  })()
  try {
    await work
  } finally {
    running = false
  }
  await turns
}

/**
 * What holds the event loop up is work that is done in one turn. How long its turns are is measured by `node bench/run.mjs --only store-loop`;
 * these tests show that no turn grows with the size of what there is to do.
 */
describe('the event loop', () => {
  it('process-R5 recovery goes through a log of 20,000 messages in slices', async () => {
    const root = folder()
    const store = openStore(root)
    await store.start()
    await Promise.all(Array.from({ length: 20_000 }, () => store.asyncPutMessage(message({ props: { KEYS: 'a b' } }))))
    const image = imageOf(root, folder())
    await store.shutdown()
    const again = openStore(image)
    let seen = 0
    let most = 0
    await eachTurn(again.start(), () => {
      const recovered = again.getMaxOffsetInQueue('T', 0, false)
      most = Math.max(most, recovered - seen)
      seen = recovered
    })
    expect(again.getMaxOffsetInQueue('T', 0)).toBe(20_000)
    // A slice has 256 records; a turn can have the end of one read and the beginning of the next.
    expect(most).toBeLessThanOrEqual(512)
    await again.shutdown()
  })

  it('process-R5 recovery of messages of 1 and 4 MiB takes them one or two at a time', async () => {
    const root = folder()
    const store = openStore(root)
    await store.start()
    const sizes = [1, 4, 1, 1, 4, 1, 1, 1].map((mebibytes) => mebibytes * 1024 * 1024 - 100)
    for (const size of sizes) await store.asyncPutMessage(message({ body: randomBytes(size) }))
    const image = imageOf(root, folder())
    await store.shutdown()
    const again = openStore(image)
    let seen = 0
    let most = 0
    await eachTurn(again.start(), () => {
      const recovered = again.getMaxOffsetInQueue('T', 0, false)
      most = Math.max(most, recovered - seen)
      seen = recovered
    })
    expect(again.getMaxOffsetInQueue('T', 0)).toBe(sizes.length)
    expect(most).toBeLessThanOrEqual(2)
    await again.shutdown()
  })

  it('process-R5 large bodies are compressed by other threads', async () => {
    for (const size of [1024 * 1024, 4 * 1024 * 1024]) {
      const result = compressBody(Buffer.alloc(size, 'a body that can be compressed '), 'ZLIB', { level: 5 })
      expect(isPromise(result)).toBe(true)
      expect((await result).length).toBeLessThan(size / 100)
    }
  })

  describe('with frames that come in pieces', () => {
    afterEach(() => void vi.restoreAllMocks())

    it('process-R5 a body of 4 MiB is copied a few times at most, whatever the pieces it comes in', () => {
      const frame = Buffer.alloc(8 + 20 + 4 * 1024 * 1024 - 1024, 'x')
      frame.writeInt32BE(frame.length - 4, 0)
      frame.writeInt32BE(20, 4)
      const copy = Buffer.prototype.copy
      for (const piece of [1400, 16 * 1024, 64 * 1024]) {
        let copied = 0
        vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (this: Buffer, ...args: unknown[]) {
          const bytes = copy.apply(this, args as Parameters<Buffer['copy']>)
          copied += bytes
          return bytes
        })
        let frames = 0
        const reader = new FrameReader(SERVER_LIMITS, () => void frames++)
        for (let at = 0; at < frame.length; at += piece) reader.push(frame.subarray(at, at + piece))
        vi.restoreAllMocks()
        expect(frames).toBe(1)
        // Once when it comes, and with what is there when its room is doubled: 1 + 1/2 + 1/4 ...
        expect(copied).toBeLessThanOrEqual(3 * frame.length)
      }
    })
  })

  it('process-R5 a connection that floods is read a piece a turn: others are served in between', async () => {
    const { server, dispatcher } = await echoServer()
    let handled = 0
    dispatcher.register(COUNTED, (request) => {
      handled++
      return RemotingCommand.response(request, 0)
    })
    const flood = await RawPeer.connect(tcpNetwork, server)
    try {
      const request = frameToBuffer(RemotingCommand.request(COUNTED, {}))
      const flooded = 20_000
      flood.write(Buffer.concat(Array.from({ length: flooded }, () => request)))
      const other = await RawPeer.connect(tcpNetwork, server)
      let between = 0
      const answered = (async () => {
        while (handled < flooded) {
          other.send(echo())
          await other.next()
          if (handled < flooded) between++
        }
      })()
      let before = 0
      let most = 0
      await eachTurn(answered, () => {
        most = Math.max(most, handled - before)
        before = handled
      })
      // What two reads of 64 KiB bring: one more may have been under way.
      expect(most).toBeLessThanOrEqual(2 * Math.ceil((64 * 1024) / request.length))
      expect(between).toBeGreaterThan(1)
    } finally {
      flood.destroy()
      await server.close()
    }
  })

  it('process-R5 what is asked in one piece is not answered in one turn when the answers take long', async () => {
    const { server, dispatcher } = await echoServer()
    const slow = 64
    let handled = 0
    dispatcher.register(COUNTED, (request) => {
      handled++
      for (const end = performance.now() + 3; performance.now() < end; ) {}
      return RemotingCommand.response(request, 0)
    })
    const peers = await Promise.all([RawPeer.connect(tcpNetwork, server), RawPeer.connect(tcpNetwork, server)])
    const request = frameToBuffer(RemotingCommand.request(COUNTED, {}))
    try {
      for (const peer of peers) peer.write(Buffer.concat(Array.from({ length: slow }, () => request)))
      let before = 0
      let most = 0
      const done = (async () => {
        for (const peer of peers) await peer.frames.take(slow)
      })()
      await eachTurn(done, () => {
        most = Math.max(most, handled - before)
        before = handled
      })
      expect(handled).toBe(2 * slow)
      // 10 ms of work in a turn, and one request of each connection beyond it; its end and the next one's beginning may be seen as one.
      expect(most).toBeLessThanOrEqual(2 * (4 + 2))
    } finally {
      for (const peer of peers) peer.destroy()
      await server.close()
    }
  })

  it('net-N10 answers that nobody reads are not made, whatever was asked in one piece', async () => {
    const network = new MemoryNetwork()
    const { server, dispatcher } = await echoServer({ network })
    let handled = 0
    dispatcher.register(COUNTED, (request) => {
      handled++
      return RemotingCommand.response(request, 0, undefined, undefined, Buffer.alloc(256 * 1024))
    })
    const peer = await RawPeer.connect(network, server)
    peer.pause()
    const asked = 400
    peer.write(Buffer.concat(Array.from({ length: asked }, () => frameToBuffer(RemotingCommand.request(COUNTED, {})))))
    await until(() => handled > 3)
    await nextTurn(50)
    const [connection] = server.connections
    expect(handled).toBeLessThan(20)
    expect(connection.bytesQueued).toBeLessThan(2 * 1024 * 1024)
    // Whoever reads them after all gets all of them.
    peer.resume()
    await peer.frames.take(asked)
    expect(handled).toBe(asked)
    peer.destroy()
    await server.close()
  })

  describe('with large routes', () => {
    const rig = new ClientRig()
    afterEach(() => rig.stop())

    it('process-R5 routes of thousands of queues are asked for one at a time, and made into queues only when they change', async () => {
      await rig.nameServer()
      const names = Array.from({ length: 50 }, (_, i) => `T${i}`)
      const topics = names.map((topicName) => ({ topicName, readQueueNums: 4096, writeQueueNums: 4096 }))
      await rig.register({ topics })
      const instance = rig.instance()
      await instance.start()
      const infos = await Promise.all(names.map((name) => instance.tryToFindTopicPublishInfo(name, findRoute)))
      expect(infos.every(({ messageQueues }) => messageQueues.length === 4096)).toBe(true)
      const asked = rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'delay', millis: 10 } })
      await rig.clock.advance(30_000)
      const hits = [asked.hits]
      for (let i = 0; i < names.length; i++) {
        await rig.clock.advance(10)
        hits.push(asked.hits)
      }
      expect(hits.every((count, i) => i === 0 || count - hits[i - 1]! <= 1)).toBe(true)
      expect(asked.hits).toBeGreaterThanOrEqual(names.length)
      expect(names.map((name) => instance.publishInfo(name)).every((info, i) => info === infos[i])).toBe(true)
    })
  })
})
