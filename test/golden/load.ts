import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** A remoting command made by the Java 5.3.3 code. */
export interface CommandVector {
  serialize: 'JSON' | 'ROCKETMQ'
  code: number
  language: string
  version: number
  opaque: number
  flag: number
  remark: string | null
  extFields: Record<string, string>
  bodyHex: string | null
  frameHex: string
}

export interface StoredMessageVector {
  topic: string
  flag: number
  queueId: number
  queueOffset: number
  commitLogOffset: number
  sysFlag: number
  bornTimestamp: number
  storeTimestamp: number
  bornHost: string
  bornPort: number
  storeHost: string
  storePort: number
  reconsumeTimes: number
  preparedTransactionOffset: number
  bodyHex: string
  bodyCrc: number
  properties: Record<string, string>
  offsetMsgId: string
  encodedHex: string
}

export interface WireVectors {
  remotingCommands: CommandVector[]
  storedMessages: StoredMessageVector[]
  batchBodies: Array<{
    messages: Array<{ flag: number; bodyHex: string; properties: Record<string, string> }>
    encodedHex: string
  }>
  propertyStrings: Array<{ properties: Record<string, string>; string: string }>
  offsetMsgIds: Array<{ host: string; port: number; offset: number; id: string }>
  uniqIds: Array<{ uniqId: string; ip: string; pid: number; time: number }>
  hashes: Array<{ string: string; javaHashCode: number; tagsCode: number; crc32OfUtf8: number }>
  compression: Array<{ type: 'LZ4' | 'ZSTD' | 'ZLIB'; compressionFlag: number; rawHex: string; compressedHex: string }>
  aclSignatures: Array<{
    secretKey: string
    fields: Record<string, string>
    bodyHex: string
    contentHex: string
    signature: string
  }>
  topicRouteDataJson: { fastjson: string; standard: string }
  heartbeatJson: string
  topicConfigSerializeWrapperJson: string
  traces: unknown[]
}

/** A frame that a real client and a real 5.3.3 server exchanged. */
export interface RecordedFrame {
  dir: 'c2s' | 's2c'
  type: 'JSON' | 'ROCKETMQ'
  code: number
  opaque: number
  flag: number
  remark: string | null
  language: string
  version: number
  conn: number
  seq: number
  length: number
  hex: string
  answers?: number
  requestCode?: number
  truncated?: boolean
  harness?: boolean
}

export interface Conversation {
  /** java53, java49, java47, go, ons; with r: binary request headers. */
  client: string
  clientVersion: string
  case: string
  server: 'namesrv' | 'broker'
  frames: RecordedFrame[]
}

/** A raw request to a live server, and its raw answer. */
export interface Probe {
  name: string
  version: string
  requestHex: string | null
  responseHex: string | null
  note?: string
  config?: unknown
}

const cache = new Map<string, unknown>()

function load<T>(name: string): T {
  let value = cache.get(name)
  if (value === undefined) {
    const bytes = readFileSync(new URL(name, import.meta.url))
    value = JSON.parse((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'))
    cache.set(name, value)
  }
  return value as T
}

export function wireVectors(): WireVectors {
  return load('wire-5.3.3.json')
}

export function conversations(): Conversation[] {
  return load('conversations-5.3.3.json.gz')
}

/** @param version leaves out the probes of other servers. */
export function probes(version = '5.3.3'): Probe[] {
  return load<Probe[]>('probes.json.gz').filter((probe) => probe.version === version)
}

/** What the store that Java 5.3.3 wrote holds, as Java listed it. */
export function storeLines(): string[] {
  return readFileSync(new URL('store-5.3.3.expected.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
}

/** The files of that store, from its tar archive: a head of 512 bytes each, and the content filled up to 512. */
export function storeFiles(): Array<{ name: string; bytes: Buffer }> {
  const archive = gunzipSync(readFileSync(new URL('store-5.3.3.tar.gz', import.meta.url)))
  const files: Array<{ name: string; bytes: Buffer }> = []
  for (let at = 0; archive[at] !== 0; ) {
    const name = archive.toString('utf8', at, archive.indexOf(0, at))
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8)
    const isFile = archive[at + 156] === 0x30
    if (isFile) files.push({ name, bytes: archive.subarray(at + 512, at + 512 + size) })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}
