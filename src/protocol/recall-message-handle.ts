import { RemotingCommandException } from '../internal/errors.ts'

/**
 * What a broker answers to a send for a point in time, and what calls the message back; Java's `RecallMessageHandle`.
 *
 * ```
 * handle := base64url, padded, of: v1 SP topic SP brokerName SP timestamp SP uniqKey
 * ```
 */
export interface RecallMessageHandle {
  topic: string
  brokerName: string
  /** Wall clock ms within the step of time the message waits for, as text. */
  timestamp: string
  /** The client's id of the message. */
  messageId: string
}

const VERSION = 'v1'
const BASE64_URL = /^[A-Za-z0-9_-]+={0,2}$/

export function encodeRecallHandle({ topic, brokerName, timestamp, messageId }: RecallMessageHandle): string {
  const text = Buffer.from([VERSION, topic, brokerName, timestamp, messageId].join(' '), 'utf8').toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

/** @throws RemotingCommandException (`BAD_RECALL_HANDLE`) when it is none. */
export function decodeRecallHandle(handle: string): RecallMessageHandle {
  if (!BASE64_URL.test(handle)) throw invalid()
  const padding = handle.indexOf('=')
  const unpadded = padding < 0 ? handle : handle.slice(0, padding)
  const whole = padding < 0 || handle.length % 4 === 0
  if (!whole || unpadded.length % 4 === 1) throw invalid()
  const [version, topic, brokerName, timestamp, messageId] = Buffer.from(unpadded, 'base64url').toString('utf8').split(' ')
  if (version !== VERSION || topic === undefined || brokerName === undefined || timestamp === undefined) throw invalid()
  if (messageId === undefined || messageId === '') throw invalid()
  return { topic, brokerName, timestamp, messageId }
}

function invalid(): RemotingCommandException {
  return new RemotingCommandException('recall handle is invalid', { code: 'BAD_RECALL_HANDLE' })
}
