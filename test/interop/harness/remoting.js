import { connect } from 'node:net'
import { crc32, inflateSync } from 'node:zlib'

/*
 * A second, deliberately plain reading of the wire, which shares no code with the package: a mistake made on both
 * sides of a shared codec would cancel out.
 *
 *   frame := length:u32  serialization:u8 (0 JSON, 1 ROCKETMQ)  headerLength:u24  header  body
 */

/** 5.3.3 */
const VERSION = 479

/** A frame of one request, with a JSON header or, where `binary` is set, a ROCKETMQ one. */
export function encodeFrame({ code, opaque, extFields, body = Buffer.alloc(0), flag = 0, binary = false }) {
  const header = binary
    ? encodeBinaryHeader({ code, opaque, flag, extFields })
    : Buffer.from(JSON.stringify({ code, extFields, flag, language: 'JAVA', opaque, version: VERSION }))
  const frame = Buffer.alloc(8 + header.length + body.length)
  frame.writeUInt32BE(4 + header.length + body.length, 0)
  frame.writeUInt32BE(header.length, 4)
  frame[4] = binary ? 1 : 0
  header.copy(frame, 8)
  Buffer.from(body.buffer, body.byteOffset, body.length).copy(frame, 8 + header.length)
  return frame
}

/*
 *   binary header := code:i16 language:i8 version:i16 opaque:i32 flag:i32  remarkLength:i32 remark
 *                    mapLength:i32 (keyLength:i16 key valueLength:i32 value)*
 */
function encodeBinaryHeader({ code, opaque, flag, extFields }) {
  const entries = Object.entries(extFields).map(([key, value]) => {
    const lengths = [Buffer.alloc(2), Buffer.alloc(4)]
    lengths[0].writeInt16BE(Buffer.byteLength(key))
    lengths[1].writeInt32BE(Buffer.byteLength(value))
    return Buffer.concat([lengths[0], Buffer.from(key), lengths[1], Buffer.from(value)])
  })
  const map = Buffer.concat(entries)
  const fixed = Buffer.alloc(21)
  fixed.writeInt16BE(code, 0)
  fixed.writeInt16BE(VERSION, 3)
  fixed.writeInt32BE(opaque, 5)
  fixed.writeInt32BE(flag, 9)
  fixed.writeInt32BE(map.length, 17)
  return Buffer.concat([fixed, map])
}

/** Header of a frame without its length prefix. */
export function decodeHeader(frame) {
  const header = frame.subarray(4, 4 + (frame.readUInt32BE(0) & 0xffffff))
  return frame[0] === 1 ? decodeBinaryHeader(header) : JSON.parse(header.toString())
}

function decodeBinaryHeader(bytes) {
  const header = { code: bytes.readInt16BE(0), opaque: bytes.readInt32BE(5), flag: bytes.readInt32BE(9), extFields: {} }
  let at = 13
  const text = (length) => {
    const value = bytes.toString('utf8', at, at + length)
    at += length
    return value
  }
  const remark = bytes.readInt32BE(at)
  at += 4
  if (remark > 0) header.remark = text(remark)
  const end = at + 4 + bytes.readInt32BE(at)
  at += 4
  while (at < end) {
    at += 2
    const key = text(bytes.readInt16BE(at - 2))
    at += 4
    header.extFields[key] = text(bytes.readInt32BE(at - 4))
  }
  return header
}

/** One connection; answers are matched by opaque. */
export async function openRemoting(addr) {
  const colon = addr.lastIndexOf(':')
  const [host, port] = [addr.slice(0, colon).replace(/[[\]]/g, ''), addr.slice(colon + 1)]
  const socket = connect({ host, port: Number(port) })
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  socket.setNoDelay(true)
  const pending = new Map()
  let opaque = 0
  let unread = Buffer.alloc(0)
  const fail = (error) => {
    for (const { reject } of pending.values()) reject(error)
    pending.clear()
  }
  socket.on('error', fail)
  socket.on('close', () => fail(new Error(`${addr} closed the connection`)))
  socket.on('data', (chunk) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk])
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
      const total = 4 + unread.readUInt32BE(0)
      const header = decodeHeader(unread.subarray(4, total))
      const body = Buffer.from(unread.subarray(8 + (unread.readUInt32BE(4) & 0xffffff), total))
      unread = unread.subarray(total)
      const waiting = pending.get(header.opaque)
      if ((header.flag & 1) === 0 || !waiting) continue
      pending.delete(header.opaque)
      waiting.resolve({ ...header, body })
    }
  })
  return {
    invoke(request, millis = 10_000) {
      opaque += 1
      const id = opaque
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          pending.delete(id)
          reject(new Error(`${addr} did not answer request ${request.code} in ${millis} ms`))
        }, millis)
        const settle = (how) => (value) => {
          clearTimeout(timer)
          how(value)
        }
        pending.set(id, { resolve: settle(resolve), reject: settle(reject) })
        socket.write(encodeFrame({ ...request, opaque: id }))
      })
    },
    close() {
      socket.destroy()
    }
  }
}

/** fastjson writes bare number keys, as in `{0:"127.0.0.1:10911"}`. */
const parseFastjson = (text) => JSON.parse(text.replace(/([{,])(\d+):/g, '$1"$2":'))

/** Route of a topic as the name server answers it, or undefined where it knows none. */
export async function topicRoute(namesrvAddr, topic) {
  const remoting = await openRemoting(namesrvAddr)
  try {
    const answer = await remoting.invoke({ code: 105, extFields: { topic } })
    return answer.code === 0 ? parseFastjson(answer.body.toString()) : undefined
  } finally {
    remoting.close()
  }
}

/** Waits until the name server gives a route for the topic: a broker registers after its port has opened. */
export async function awaitRoute(namesrvAddr, topic, millis = 60_000, brokers = 1) {
  const deadline = performance.now() + millis
  for (;;) {
    const route = await topicRoute(namesrvAddr, topic).catch(() => undefined)
    if (route?.brokerDatas?.length >= brokers) return route
    if (performance.now() > deadline) throw new Error(`no route for ${topic} at ${namesrvAddr} after ${millis} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** One stored message, version 1 or 2 of the layout, IPv4 or IPv6 hosts. */
function decodeStored(record) {
  const topicLengthSize = record.readInt32BE(4) === -626843477 ? 2 : 1
  const sysFlag = record.readInt32BE(36)
  const message = {
    bodyCRC: record.readInt32BE(8),
    queueId: record.readInt32BE(12),
    flag: record.readInt32BE(16),
    queueOffset: Number(record.readBigInt64BE(20)),
    sysFlag
  }
  let at = 40 + 8 + (sysFlag & 0x10 ? 20 : 8) + 8 + (sysFlag & 0x20 ? 20 : 8) + 4 + 8
  const bodyLength = record.readInt32BE(at)
  const stored = record.subarray(at + 4, at + 4 + bodyLength)
  at += 4 + bodyLength
  message.crcMatches = (crc32(stored) & 0x7fffffff) === message.bodyCRC
  message.body = (sysFlag & 1 ? inflateSync(stored) : stored).toString('base64')
  const topicLength = topicLengthSize === 2 ? record.readInt16BE(at) : record[at]
  at += topicLengthSize
  message.topic = record.toString('utf8', at, at + topicLength)
  at += topicLength
  const properties = record.toString('utf8', at + 2, at + 2 + record.readInt16BE(at))
  message.properties = Object.fromEntries(
    properties
      .split('\u0002')
      .filter((pair) => pair.length > 0)
      .map((pair) => pair.split('\u0001'))
  )
  message.tags = message.properties.TAGS
  message.keys = message.properties.KEYS
  return message
}

const PULL_STATUS_WITH_MORE = new Set([0, 20, 21])

/** Everything a broker holds of a topic, by plain pulls from offset 0 of each queue. */
export async function pullTopic(brokerAddr, topic, queues) {
  const remoting = await openRemoting(brokerAddr)
  const messages = []
  try {
    for (let queueId = 0; queueId < queues; queueId += 1) {
      let offset = 0
      for (let rounds = 0; rounds < 1000; rounds += 1) {
        const answer = await remoting.invoke({
          code: 11,
          extFields: {
            consumerGroup: 'interop-pull',
            topic,
            queueId: String(queueId),
            queueOffset: String(offset),
            maxMsgNums: '32',
            sysFlag: '4', // bit 2: the request brings its own subscription
            commitOffset: '0',
            suspendTimeoutMillis: '0',
            subscription: '*',
            subVersion: '0',
            expressionType: 'TAG'
          }
        })
        for (let at = 0; at < answer.body.length; at += answer.body.readInt32BE(at)) {
          messages.push(decodeStored(answer.body.subarray(at, at + answer.body.readInt32BE(at))))
        }
        const next = Number(answer.extFields?.nextBeginOffset ?? offset)
        if (!PULL_STATUS_WITH_MORE.has(answer.code) || next <= offset) break
        offset = next
      }
    }
  } finally {
    remoting.close()
  }
  return messages
}
