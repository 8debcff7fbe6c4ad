import type { CommandHeader } from './command-header.ts'
import { type ExtFields, emptyExtFields } from './ext-fields.ts'
import { decodeJsonHeader, jsonHeaderBound, writeJsonHeader } from './header-json.ts'
import { decodeRocketMQExtFields, decodeRocketMQHeader, rocketMQHeaderBound, writeRocketMQHeader } from './header-rocketmq.ts'
import { LanguageCode } from './language-code.ts'
import type { OutgoingFrame } from './outgoing-frame.ts'
import type { SendAnswer } from './send-answer-pattern.ts'

export const SerializeType = { JSON: 0, ROCKETMQ: 1 } as const

/** Flag bits of a command. */
export const RESPONSE_FLAG = 1
export const ONEWAY_FLAG = 2

/** MQVersion ordinal that client and servers announce: V5_3_3. */
export const CURRENT_VERSION = 479

export { type ExtFields, emptyExtFields }

/** A request or an answer; Java's `RemotingCommand`. */
export class RemotingCommand implements OutgoingFrame, CommandHeader {
  /** Request code, or response code. */
  code: number
  /** LanguageCode ordinal; -1 when the peer sent a name or number we do not know. */
  language: number = LanguageCode.JAVA
  /** MQVersion ordinal of the sender. */
  version: number = CURRENT_VERSION
  /** Ties an answer to its request. */
  opaque = 0
  /** Bit 0: an answer; bit 1: nobody waits for one. */
  flag = 0
  /** For people; of an answer. */
  remark: string | undefined = undefined
  /** Undefined when there is none. */
  body: Buffer | undefined = undefined
  /** 0 JSON, 1 ROCKETMQ. */
  serializeType: number = SerializeType.JSON
  #extFields: ExtFields | undefined
  /** The map is there only because somebody looked for fields. */
  #implied = false
  /** Still undecoded binary map; decoded when somebody asks for the fields. */
  rawExtFields: Buffer | undefined = undefined
  /**
   * The fields of an answer to a send, until somebody asks for the map.
   * @internal
   */
  sendAnswer: SendAnswer | undefined = undefined

  constructor(code: number, extFields?: ExtFields, body?: Buffer) {
    this.code = code
    this.#extFields = extFields
    this.body = body
  }

  /** A request in the given serialization; the connection's client gives it its opaque. */
  static request(
    code: number,
    extFields?: ExtFields,
    body?: Buffer,
    serializeType: number = SerializeType.JSON
  ): RemotingCommand {
    const command = new RemotingCommand(code, extFields, body)
    command.serializeType = serializeType
    return command
  }

  /** The answer to `request`: its opaque and its serialization. */
  static response(
    request: RemotingCommand,
    code: number,
    remark?: string,
    extFields?: ExtFields,
    body?: Buffer
  ): RemotingCommand {
    const command = new RemotingCommand(code, extFields, body)
    command.opaque = request.opaque
    command.flag = RESPONSE_FLAG
    command.remark = remark
    command.serializeType = request.serializeType
    return command
  }

  /** Never undefined: an absent map reads as an empty one. Decoding a binary map may throw RemotingCommandException. */
  get extFields(): ExtFields {
    if (this.#extFields === undefined && this.sendAnswer !== undefined) {
      this.#extFields = this.sendAnswer.toExtFields()
      // The map may be changed from here on.
      this.sendAnswer = undefined
    }
    if (this.#extFields === undefined) {
      this.#implied = this.rawExtFields === undefined
      this.#extFields = this.rawExtFields === undefined ? emptyExtFields() : decodeRocketMQExtFields(this.rawExtFields)
      this.rawExtFields = undefined
    }
    return this.#extFields
  }

  /** Replaces all of them. */
  set extFields(fields: ExtFields) {
    this.#extFields = fields
    this.#implied = false
    this.rawExtFields = undefined
    this.sendAnswer = undefined
  }

  /** False when the map is absent from the wire, which some clients tell from an empty one. */
  get hasExtFields(): boolean {
    if (this.rawExtFields !== undefined || this.sendAnswer !== undefined) return true
    if (this.#extFields === undefined) return false
    if (this.#implied) for (const _ in this.#extFields) return true
    return !this.#implied
  }

  /** Whether this is an answer. */
  get isResponse(): boolean {
    return (this.flag & RESPONSE_FLAG) !== 0
  }

  /** Whether nobody waits for an answer. */
  get isOneway(): boolean {
    return (this.flag & ONEWAY_FLAG) !== 0
  }

  headerBound(): number {
    return this.serializeType === SerializeType.JSON ? jsonHeaderBound(this) : rocketMQHeaderBound(this)
  }

  writeHeader(target: Buffer, offset: number): number {
    return this.serializeType === SerializeType.JSON
      ? writeJsonHeader(this, target, offset)
      : writeRocketMQHeader(this, target, offset)
  }

  /**
   * Decodes the frame in `bytes[start, end)`, length word included. Header and body are views of `bytes`.
   * @throws RemotingCommandException naming the field and the bound that was broken.
   */
  static decode(bytes: Buffer, start: number, end: number): RemotingCommand {
    const word = bytes.readInt32BE(start + 4)
    const headerStart = start + 8
    const headerEnd = headerStart + (word & 0xffffff)
    const type = word >>> 24
    const command = new RemotingCommand(0)
    command.serializeType = type
    if (type === SerializeType.JSON) decodeJsonHeader(command, bytes, headerStart, headerEnd)
    else decodeRocketMQHeader(command, bytes, headerStart, headerEnd)
    if (headerEnd < end) command.body = bytes.subarray(headerEnd, end)
    return command
  }
}
