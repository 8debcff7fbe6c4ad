import { type ExtFields, emptyExtFields } from './ext-fields.ts'
import { optionalText, requiredLong } from './header-fields.ts'

/** Header of END_TRANSACTION (37); Java's `EndTransactionRequestHeader`. */
export interface EndTransactionRequestHeader {
  /** Sent since 5.3.0. */
  topic: string | undefined
  producerGroup: string
  /** Queue offset of the half message. */
  tranStateTableOffset: number
  /** Physical offset of the half message. */
  commitLogOffset: number
  /** Transaction bits of a sysFlag: 8 commit, 12 rollback, 0 not known. */
  commitOrRollback: number
  /** Whether the broker had asked. */
  fromTransactionCheck: boolean
  /** The client's id of the message. */
  msgId: string
  transactionId: string | undefined
  brokerName: string | undefined
}

export function encodeEndTransactionHeader(header: EndTransactionRequestHeader): ExtFields {
  const fields = emptyExtFields()
  fields['producerGroup'] = header.producerGroup
  fields['tranStateTableOffset'] = String(header.tranStateTableOffset)
  fields['commitLogOffset'] = String(header.commitLogOffset)
  fields['commitOrRollback'] = String(header.commitOrRollback)
  fields['fromTransactionCheck'] = String(header.fromTransactionCheck)
  fields['msgId'] = header.msgId
  if (header.topic !== undefined) fields['topic'] = header.topic
  if (header.transactionId !== undefined) fields['transactionId'] = header.transactionId
  if (header.brokerName !== undefined) fields['bname'] = header.brokerName
  return fields
}

/** Header of CHECK_TRANSACTION_STATE (39); Java's `CheckTransactionStateRequestHeader`. */
export interface CheckTransactionStateRequestHeader {
  /** The topic of half messages, since 5.3.0; that of the message stands in the body. */
  topic: string | undefined
  tranStateTableOffset: number
  commitLogOffset: number
  msgId: string | undefined
  transactionId: string | undefined
  offsetMsgId: string | undefined
  brokerName: string | undefined
}

export function encodeCheckTransactionStateHeader(header: CheckTransactionStateRequestHeader): ExtFields {
  const fields = emptyExtFields()
  fields['tranStateTableOffset'] = String(header.tranStateTableOffset)
  fields['commitLogOffset'] = String(header.commitLogOffset)
  if (header.topic !== undefined) fields['topic'] = header.topic
  if (header.msgId !== undefined) fields['msgId'] = header.msgId
  if (header.transactionId !== undefined) fields['transactionId'] = header.transactionId
  if (header.offsetMsgId !== undefined) fields['offsetMsgId'] = header.offsetMsgId
  if (header.brokerName !== undefined) fields['bname'] = header.brokerName
  return fields
}

/** @throws RemotingCommandException (`BAD_FIELD`) naming an offset that is missing or no number. */
export function decodeCheckTransactionStateHeader(fields: ExtFields): CheckTransactionStateRequestHeader {
  return {
    topic: optionalText(fields, 'topic'),
    tranStateTableOffset: requiredLong(fields, 'tranStateTableOffset'),
    commitLogOffset: requiredLong(fields, 'commitLogOffset'),
    msgId: optionalText(fields, 'msgId'),
    transactionId: optionalText(fields, 'transactionId'),
    offsetMsgId: optionalText(fields, 'offsetMsgId'),
    brokerName: optionalText(fields, 'bname')
  }
}
