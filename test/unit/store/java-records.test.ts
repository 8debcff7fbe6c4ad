import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../src/internal/logger.ts'
import { decodeMessage } from '../../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../../src/store/default-message-store.ts'
import { readRecordHead } from '../../../src/store/record-format.ts'

const fixture: { commitLog: string; consumeQueues: Record<string, string> } = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/java-5.3.3-store.json.gz', import.meta.url))).toString()
)
const javaLog = Buffer.from(fixture.commitLog, 'base64')

function javaRecords(): Buffer[] {
  const records: Buffer[] = []
  for (let at = 0; at < javaLog.length; at += javaLog.readInt32BE(at))
    records.push(javaLog.subarray(at, at + javaLog.readInt32BE(at)))
  return records
}

/** Puts what a Java store holds again, at the times Java stored it. */
async function replay(): Promise<DefaultMessageStore> {
  let storedAt = 0
  const clock = new (class extends HeldClock {
    override now(): number {
      return storedAt
    }
  })()
  const store = new DefaultMessageStore({ mappedFileSizeCommitLog: 65_536 }, { clock, logger: silentLogger })
  await store.start()
  for (const record of javaRecords()) {
    const decoded = decodeMessage(record)
    storedAt = decoded.storeTimestamp
    const result = store.asyncPutMessage({ ...decoded, propertiesString: readRecordHead(record).properties })
    expect(result).toMatchObject({ status: 'PUT_OK' })
  }
  return store
}

describe('the same messages as a Java 5.3.3 store', () => {
  it('make the same bytes: store-2 IPv4 and IPv6 hosts in one log', async () => {
    const store = await replay()
    // Java's file is as large as our limit, but our first segment is not: what may differ is where segments end.
    const ours = javaRecords().map((record) => {
      const head = readRecordHead(record)
      const offset = store.getCommitLogOffsetInQueue(head.topic, head.queueId, head.queueOffset)
      return store.lookMessageByOffset(offset!)!
    })
    expect(Buffer.concat(ours).equals(javaLog)).toBe(true)
    expect(new Set(ours.map((record) => record.readInt32BE(36)))).toEqual(new Set([0, 16]))
  })

  it('make the same consume queues: store-29 unit order and tags code', async () => {
    const store = await replay()
    const seen = new Map<string, Buffer>()
    for (const [name, base64] of Object.entries(fixture.consumeQueues)) {
      const [topic, queueId] = name.split('@') as [string, string]
      const java = Buffer.from(base64, 'base64')
      const units = java.length / 20
      expect(store.getMaxOffsetInQueue(topic, Number(queueId))).toBe(units)
      const tagsCodes: bigint[] = []
      store.getMessage('g', topic, Number(queueId), 0, 32, (code) => {
        tagsCodes.push(BigInt(code))
        return true
      })
      const ours = Buffer.alloc(java.length)
      for (let i = 0; i < units; i++) {
        const offset = store.getCommitLogOffsetInQueue(topic, Number(queueId), i)!
        ours.writeBigInt64BE(BigInt(offset), i * 20)
        ours.writeInt32BE(store.lookMessageByOffset(offset)!.length, i * 20 + 8)
        ours.writeBigInt64BE(tagsCodes[i]!, i * 20 + 12)
      }
      seen.set(name, ours)
      expect(ours.equals(java), name).toBe(true)
    }
    expect(seen.size).toBe(12)
  })

  it('are found by the same keys', async () => {
    const store = await replay()
    const count = (topic: string, key: string): number =>
      store.queryMessage(topic, key, 64, 0, Number.MAX_SAFE_INTEGER).messages.length
    expect(count('Topic-0', 'key-0')).toBe(1)
    expect(count('Topic-0', 'shared-key')).toBe(20)
    expect(count('Topic-1', 'shared-key')).toBe(20)
    expect(count('Topic-2', 'key-8')).toBe(1)
    expect(count('Topic-2', 'key-0')).toBe(0)
  })
})
