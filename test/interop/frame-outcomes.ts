import { RocketMQError } from '../../src/internal/errors.ts'
import { crc32 } from '../../src/protocol/crc32.ts'
import { type FrameLimits, FrameReader } from '../../src/protocol/frame-reader.ts'
import { languageName } from '../../src/protocol/language-code.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader } from '../../src/protocol/send-message-header.ts'

/** A decoded command; what is absent is null. */
export interface Command {
  code: number
  language: string | null
  version: number
  opaque: number
  flag: number
  remark: string | null
  /** Null when there is no map. */
  extFields: Array<[name: string | null, value: string | null]> | null
  type: string
  bodyLength?: number
  bodyCRC?: number
  /** The header of a send. */
  send?: Record<string, unknown>
}

/** What a decoder makes of a connection's bytes. */
export interface Outcome {
  commands: Command[]
  /** Bytes of a frame that is not whole. */
  left?: number
  /** The kind of error that ends the connection, and its text. */
  refused?: string
  reason?: string
}

/** Codes whose header Java reads by `SendMessageRequestHeader.parseRequestHeader`. */
const SEND_CODES = new Set([10, 310, 320])

/** What this package makes of the bytes; throws only what is not allowed. */
export function ourOutcome(bytes: Buffer, limits: FrameLimits): Outcome {
  const commands: Command[] = []
  const reader = new FrameReader(limits, (chunk, start, end) => {
    commands.push(describeCommand(RemotingCommand.decode(chunk, start, end)))
  })
  try {
    reader.push(bytes)
    return { commands, left: reader.pendingBytes }
  } catch (error) {
    return { commands, ...refusal(error) }
  }
}

function refusal(error: unknown): { refused: string; reason: string } {
  if (!(error instanceof RocketMQError)) throw error
  return { refused: error.code, reason: error.message }
}

function describeCommand(command: RemotingCommand): Command {
  // Before the map is decoded: there is a way straight from its bytes.
  const send = SEND_CODES.has(command.code) ? sendHeader(command) : undefined
  const { hasExtFields, body } = command
  const fields = command.extFields
  const described: Command = {
    code: command.code,
    language: languageName(command.language) ?? null,
    version: command.version,
    opaque: command.opaque,
    flag: command.flag,
    remark: command.remark ?? null,
    extFields: hasExtFields ? Object.keys(fields).map((name) => [name, fields[name] as string]) : null,
    type: command.serializeType === 0 ? 'JSON' : 'ROCKETMQ'
  }
  if (body !== undefined) Object.assign(described, { bodyLength: body.length, bodyCRC: crc32(body) })
  if (send !== undefined) described.send = send
  return described
}

function sendHeader(command: RemotingCommand): Record<string, unknown> {
  try {
    return { ...decodeSendMessageRequestHeader(command) }
  } catch (error) {
    return refusal(error)
  }
}

/** One thing that the two decoders do not agree on. */
export interface Difference {
  /** `refused here`, `refused by Java`, `refused early`, or the field: `remark`, `extFields.a`, `send.topic`. */
  what: string
  java: unknown
  here: unknown
  /** Place of the command among those of the connection. */
  frame: number
}

/** Everything on which two outcomes differ, in the order of the connection's bytes. */
export function differences(java: Outcome, here: Outcome): Difference[] {
  const found: Difference[] = []
  const both = Math.min(java.commands.length, here.commands.length)
  for (let frame = 0; frame < both; frame++) {
    const add = (what: string, theirs: unknown, ours: unknown): void => {
      if (theirs !== ours) found.push({ what, java: theirs, here: ours, frame })
    }
    compareCommands(java.commands[frame] as Command, here.commands[frame] as Command, add)
  }
  const add = (what: string): void => {
    found.push({ what, java: java.reason, here: here.reason, frame: both })
  }
  if (java.commands.length > both) add('refused here')
  else if (here.commands.length > both) add('refused by Java')
  else if (java.refused === undefined && here.refused !== undefined) add('refused early')
  else if (java.refused !== undefined && here.refused === undefined) add('refused by Java')
  else if (java.left !== here.left) add('left')
  return found
}

type Add = (what: string, java: unknown, here: unknown) => void

const FIELDS = ['code', 'language', 'version', 'opaque', 'flag', 'remark', 'type', 'bodyLength', 'bodyCRC'] as const

function compareCommands(java: Command, here: Command, add: Add): void {
  for (const name of FIELDS) add(name, java[name], here[name])
  if (java.extFields === null || here.extFields === null) {
    if (java.extFields !== here.extFields) add('extFields', java.extFields, here.extFields)
    return
  }
  const theirs = new Map(java.extFields)
  const ours = new Map<string | null, string | null>(here.extFields)
  let same = true
  for (const name of new Set([...theirs.keys(), ...ours.keys()])) {
    add(`extFields.${name}`, theirs.get(name), ours.get(name))
    same &&= (theirs.get(name) ?? undefined) === ours.get(name)
  }
  // Other fields make another header; that has been said.
  if (same && java.send !== undefined && here.send !== undefined) compareSends(java.send, here.send, add)
}

const SEND_FIELDS = [
  ...['producerGroup', 'topic', 'defaultTopic', 'defaultTopicQueueNums', 'queueId', 'sysFlag', 'bornTimestamp', 'flag'],
  ...['properties', 'reconsumeTimes', 'unitMode', 'maxReconsumeTimes', 'batch']
]

function compareSends(java: Record<string, unknown>, here: Record<string, unknown>, add: Add): void {
  if (java.refused !== undefined && here.refused !== undefined) return
  if (here.refused !== undefined) add('send refused here', java, here.reason)
  else if (java.refused !== undefined) add('send refused by Java', java.reason, here)
  else {
    for (const name of SEND_FIELDS) add(`send.${name}`, java[name] ?? undefined, here[name])
    add('send.brokerName', java.bname ?? undefined, here.brokerName)
  }
}

/** A frame of a connection, as far as its header goes. */
export interface FrameHeader {
  json: boolean
  bytes: Buffer
  text: string
  /** What a strict parser reads; undefined when it is no JSON. */
  value: Record<string, unknown> | undefined
}

/** The header of one frame, going by the length words alone; what is not there is empty. */
export function frameHeader(stream: Buffer, frame: number): FrameHeader {
  let at = 0
  for (let i = 0; i < frame; i++) at += 4 + stream.readInt32BE(at)
  if (stream.length - at < 8) return { json: false, bytes: Buffer.alloc(0), text: '', value: undefined }
  const end = at + 4 + stream.readInt32BE(at)
  const word = stream.readInt32BE(at + 4)
  const bytes = stream.subarray(at + 8, Math.max(at + 8, Math.min(at + 8 + (word & 0xffffff), end)))
  const json = word >>> 24 === 0
  const text = bytes.toString('utf8')
  return { json, bytes, text, value: json ? parsed(text) : undefined }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
