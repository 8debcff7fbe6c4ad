import type { ExtFields } from './ext-fields.ts'
import type { SendAnswer } from './send-answer-pattern.ts'

/** What the header codecs read and fill; `RemotingCommand` is one. */
export interface CommandHeader {
  code: number
  /** LanguageCode ordinal; -1 when it is not known. */
  language: number
  version: number
  opaque: number
  flag: number
  remark: string | undefined
  extFields: ExtFields
  readonly hasExtFields: boolean
  /** Still undecoded binary map. */
  rawExtFields: Buffer | undefined
  /** The fields of an answer to a send, while nobody has asked for the map. */
  sendAnswer: SendAnswer | undefined
}
