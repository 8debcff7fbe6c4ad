import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { parseFastjson } from '../../src/protocol/fastjson.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { tempFolder } from '../support/temp-folder.ts'

const rigs: BrokerRig[] = []

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop()
})

/** A broker that keeps its store and its tables in a folder. */
async function open(root: string, options: Partial<BrokerControllerOptions> = {}): Promise<BrokerRig> {
  const rig = await BrokerRig.start({
    storeFiles: { root },
    storeConfig: { mappedFileSizeCommitLog: 64 * 1024 },
    topics: {},
    ...options
  })
  rigs.push(rig)
  return rig
}

const config = (root: string, name: string): string => path.join(root, 'config', name)
const read = (root: string, name: string): Record<string, Record<string, unknown>> =>
  parseFastjson(readFileSync(config(root, name), 'utf8')) as Record<string, Record<string, unknown>>

const TOPIC = {
  readQueueNums: '6',
  writeQueueNums: '5',
  perm: '6',
  topicFilterType: 'SINGLE_TAG',
  topicSysFlag: '0',
  order: 'true'
}

describe("the broker's tables in files", () => {
  it('store-55 topics, groups and positions are there again after a restart', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root)
    const peer = await first.connect()
    expect((await first.ask(peer, first.request(17, { topic: 'Orders', ...TOPIC }))).code).toBe(0)
    const group = JSON.stringify({ groupName: 'CG', retryMaxTimes: 3 })
    expect((await first.ask(peer, first.request(200, {}, group))).code).toBe(0)
    const commit = { consumerGroup: 'CG', topic: 'Orders', queueId: '2', commitOffset: '17' }
    expect((await first.ask(peer, first.request(15, commit))).code).toBe(0)
    const { dataVersion } = first.broker.topicConfigManager
    await first.stop()
    const second = await open(root)
    expect(second.broker.topicConfigManager.selectTopicConfig('Orders')).toMatchObject({
      readQueueNums: 6,
      writeQueueNums: 5,
      order: true
    })
    expect(second.broker.topicConfigManager.dataVersion).toEqual(dataVersion)
    expect(second.broker.subscriptionGroupManager.findSubscriptionGroupConfig('CG')!.retryMaxTimes).toBe(3)
    expect(second.broker.consumerOffsetManager.queryOffset('CG', 'Orders', 2)).toBe(17)
    const again = await second.connect()
    expect((await second.ask(again, second.request(215, { topic: 'Orders' }))).code).toBe(0)
    await second.stop()
    const third = await open(root)
    expect(third.broker.topicConfigManager.selectTopicConfig('Orders')).toBeUndefined()
    expect(third.broker.consumerOffsetManager.queryOffset('CG', 'Orders', 2)).toBe(-1)
  })

  it('an answer that says a topic is there leaves when the file says so too, also for a send that made it', async () => {
    const root = path.join(tempFolder(), 'store')
    const rig = await open(root)
    const peer = await rig.connect()
    expect((await rig.ask(peer, rig.sendRequest({ topic: 'Made' }))).code).toBe(0)
    expect(Object.keys(read(root, 'topics.json').topicConfigTable!)).toContain('Made')
    await rig.ask(peer, rig.request(200, {}, JSON.stringify({ groupName: 'CG' })))
    expect(Object.keys(read(root, 'subscriptionGroup.json').subscriptionGroupTable!)).toContain('CG')
  })

  it('a change that cannot be written is answered as such; a message is stored all the same', async () => {
    const root = path.join(tempFolder(), 'store')
    const rig = await open(root)
    const peer = await rig.connect()
    mkdirSync(`${config(root, 'topics.json')}.tmp`, { recursive: true })
    expect(await rig.ask(peer, rig.request(17, { topic: 'Orders', ...TOPIC }))).toMatchObject({
      code: 1,
      remark: expect.stringMatching(/^the change could not be written: EISDIR/)
    })
    expect((await rig.ask(peer, rig.sendRequest({ topic: 'Made' }))).code).toBe(0)
    rmSync(`${config(root, 'topics.json')}.tmp`, { recursive: true })
    expect((await rig.ask(peer, rig.request(17, { topic: 'Later', ...TOPIC }))).code).toBe(0)
    expect(Object.keys(read(root, 'topics.json').topicConfigTable!)).toEqual(expect.arrayContaining(['Orders', 'Made', 'Later']))
  })

  it('positions are written every five seconds, and only when they have changed', async () => {
    const root = path.join(tempFolder(), 'store')
    const rig = await open(root)
    await rig.clock.advance(5000)
    expect(existsSync(config(root, 'consumerOffset.json'))).toBe(false)
    rig.broker.consumerOffsetManager.commitOffset('CG', 'T', 0, 5)
    await rig.clock.advance(5000)
    await expect.poll(() => existsSync(config(root, 'consumerOffset.json'))).toBe(true)
    expect(read(root, 'consumerOffset.json').offsetTable).toEqual({ 'T@CG': { 0: 5 } })
  })

  it("Java's files are read, and what we have no use for is written back", async () => {
    const root = path.join(tempFolder(), 'store')
    mkdirSync(path.join(root, 'config'), { recursive: true, mode: 0o700 })
    writeFileSync(
      config(root, 'subscriptionGroup.json'),
      '{\n\t"dataVersion":{"counter":2,"stateVersion":0,"timestamp":1700000000000},\n\t"forbiddenTable":{"G":{"T":1}},\n\t' +
        '"subscriptionGroupTable":{"G":{"attributes":{"a":"b"},"brokerId":0,"consumeBroadcastEnable":false,"consumeEnable":true,' +
        '"groupName":"G","groupRetryPolicy":{"customizedRetryPolicy":{"next":[1,2]},"type":"CUSTOMIZED"},"retryMaxTimes":9,' +
        '"retryQueueNums":1,"subscriptionDataSet":[{"topic":"T"}]}}}'
    )
    writeFileSync(config(root, 'consumerOffset.json'), '{"offsetTable":{"T@G":{0:12,1:3}}}')
    writeFileSync(config(root, 'consumerFilter.json'), '{"filterDataByTopic":{}}')
    const rig = await open(root)
    expect(rig.broker.consumerOffsetManager.queryOffset('G', 'T', 1)).toBe(3)
    const peer = await rig.connect()
    const shown = await rig.ask(peer, rig.request(352, { group: 'G' }))
    const groupRetryPolicy = { customizedRetryPolicy: { next: [1, 2] }, type: 'CUSTOMIZED' }
    expect(JSON.parse(shown.body!.toString())).toMatchObject({ groupRetryPolicy, retryMaxTimes: 9 })
    await rig.ask(peer, rig.request(200, {}, JSON.stringify({ groupName: 'H' })))
    const { forbiddenTable, subscriptionGroupTable } = read(root, 'subscriptionGroup.json')
    expect(forbiddenTable).toEqual({ G: { T: 1 } })
    expect(subscriptionGroupTable).toMatchObject({
      G: {
        attributes: { a: 'b' },
        consumeBroadcastEnable: false,
        groupRetryPolicy,
        retryMaxTimes: 9,
        subscriptionDataSet: [{ topic: 'T' }]
      },
      H: { retryMaxTimes: 16 }
    })
    expect(readFileSync(config(root, 'consumerFilter.json'), 'utf8')).toBe('{"filterDataByTopic":{}}')
  })

  it('what was delivered later is not delivered again after a restart, and what waits still is', async () => {
    const root = path.join(tempFolder(), 'store')
    const options = { topics: { T: { queues: 1 } } }
    const first = await open(root, options)
    const peer = await first.connect()
    const at = first.clock.now()
    const properties = (name: string, value: number): string => `${name}\u0001${value}\u0002`
    for (const [body, text] of [
      ['level, now', properties('DELAY', 1)],
      ['level, later', properties('DELAY', 3)],
      ['time, now', properties('TIMER_DELIVER_MS', at + 3000)],
      ['time, later', properties('TIMER_DELIVER_MS', at + 20_000)]
    ]) {
      expect((await first.ask(peer, first.sendRequest({ body: body!, properties: text! }))).code).toBe(0)
    }
    await first.clock.advance(5000)
    const bodies = (rig: BrokerRig): string[] => rig.stored('T').map(({ body }) => body.toString())
    await expect.poll(() => bodies(first)).toEqual(['level, now', 'time, now'])
    await first.stop()
    expect(read(root, 'delayOffset.json').offsetTable).toMatchObject({ 1: 1 })
    const second = await BrokerRig.start(
      { storeFiles: { root }, storeConfig: { mappedFileSizeCommitLog: 64 * 1024 }, ...options },
      first.clock.now()
    )
    rigs.push(second)
    await second.clock.advance(1000)
    expect(bodies(second)).toEqual(['level, now', 'time, now'])
    await second.clock.advance(30_000)
    await expect.poll(() => bodies(second)).toEqual(['level, now', 'time, now', 'level, later', 'time, later'])
  })

  it('topics whose settings were removed are served again with the queues that have messages', async () => {
    const root = path.join(tempFolder(), 'store')
    const first = await open(root, { topics: { Orders: { queues: 4 } } })
    const peer = await first.connect()
    await first.ask(peer, first.sendRequest({ topic: 'Orders', queueId: 2 }))
    await first.stop()
    rmSync(path.join(root, 'config'), { recursive: true, force: true })
    const second = await open(root)
    expect(second.broker.topicConfigManager.selectTopicConfig('Orders')).toMatchObject({
      readQueueNums: 3,
      writeQueueNums: 3,
      perm: 6
    })
  })

  it('a file that cannot be read stops the start, names the file and what to do, and changes nothing', async () => {
    const root = path.join(tempFolder(), 'store')
    mkdirSync(path.join(root, 'config'), { recursive: true, mode: 0o700 })
    writeFileSync(config(root, 'topics.json'), '{"topicConfigTable":')
    await expect(open(root)).rejects.toThrow(/topics\.json cannot be read .*move it and its \.bak away/)
    expect(readdirSync(path.join(root, 'config'))).toEqual(['topics.json'])
    expect(readFileSync(config(root, 'topics.json'), 'utf8')).toBe('{"topicConfigTable":')
  })

  it('a broker in memory writes nothing', async () => {
    const rig = await BrokerRig.start({ topics: {} })
    rigs.push(rig)
    const before = readdirSync(process.cwd()).sort()
    await rig.ask(await rig.connect(), rig.sendRequest({ topic: 'Made' }))
    expect(readdirSync(process.cwd()).sort()).toEqual(before)
  })
})
