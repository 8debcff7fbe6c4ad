import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { BrokerRig } from '../support/broker-rig.ts'
import { tempFolder } from '../support/temp-folder.ts'

const rigs: BrokerRig[] = []

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop()
})

async function open(root: string, now?: number): Promise<BrokerRig> {
  const storeConfig = { mappedFileSizeCommitLog: 64 * 1024 }
  const rig = await BrokerRig.start({ storeFiles: { root }, storeConfig, topics: { T: { queues: 1 } } }, now)
  rigs.push(rig)
  return rig
}

describe('a folder that a Java broker with other settings used', () => {
  it('store-33 a topic with queues of batches stops the start by file, topic and kind; none can be made here', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root)
    const peer = await first.connect()
    const fields = {
      topic: 'B',
      readQueueNums: '1',
      writeQueueNums: '1',
      perm: '6',
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: '0',
      order: 'false'
    }
    const refused = await first.ask(peer, first.request(17, { ...fields, attributes: '+queue.type=BatchCQ' }))
    expect([refused.code, refused.remark]).toEqual([1, 'BatchCQ is not served: allowed are SimpleCQ'])
    expect((await first.ask(peer, first.request(17, { ...fields, attributes: '+queue.type=SimpleCQ' }))).code).toBe(0)
    await first.stop()
    await (await open(root)).stop()
    const file = path.join(root, 'config', 'topics.json')
    const text = readFileSync(file, 'utf8').replace('"SimpleCQ"', '"BatchCQ"')
    writeFileSync(file, text)
    await expect(open(root)).rejects.toMatchObject({
      code: 'STORE_DIRECTORY',
      message: expect.stringContaining(
        `${file}: topic B has queue.type=BatchCQ, served is SimpleCQ: open the store with the broker that wrote it`
      )
    })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('store-29 a delayed message whose unit has an address in place of its due time is delivered when it is due, not before', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root)
    const peer = await first.connect()
    expect((await first.ask(peer, first.sendRequest({ body: 'later', properties: 'DELAY\u00013\u0002' }))).code).toBe(0)
    await first.stop()
    const address = Buffer.alloc(8)
    address.writeBigInt64BE(-(2n ** 63n) + 96n)
    const file = path.join(root, 'consumequeue', 'SCHEDULE_TOPIC_XXXX', '2', '0'.repeat(20))
    const bytes = readFileSync(file)
    address.copy(bytes, 12)
    writeFileSync(file, bytes)
    const second = await open(root, first.clock.now())
    await second.clock.advance(9000)
    expect(second.stored('T')).toEqual([])
    await second.clock.advance(1000)
    await expect.poll(() => second.stored('T').map(({ body }) => body.toString())).toEqual(['later'])
  })
})
