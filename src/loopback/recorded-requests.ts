import { RequestCode, ResponseCode, requestCodeName, responseCodeName } from '../protocol/codes.ts'
import type { ExtFields } from '../protocol/ext-fields.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import { hasShortNames } from '../protocol/send-message-header.ts'
import { checkFields, checkText, checkTopic, checkWhole, codeNumber, refused } from './bad-input.ts'
import { redact } from './redact.ts'
import type { JournalFrame, WireJournal } from './wire-journal.ts'

/** One frame of the wire, decoded. */
export interface RecordedFrame {
  /** Number of the request code, or of the response code. */
  code: number
  /** RocketMQ's name of it, or the number as text. */
  codeName: string
  /** Header fields by their names on the wire; secrets are replaced by asterisks. */
  extFields: ExtFields
  /** Of an answer. */
  remark: string | undefined
  /** Undefined when there is none. */
  body: Buffer | undefined
  /** The whole frame as it was on the wire, secrets replaced by as many asterisks. */
  raw: Buffer
  /** Wall clock, ms since 1970. */
  timestamp: number
}

/** A request that passed the wire, and what it was answered. */
export interface RecordedRequest extends RecordedFrame {
  /** Who received or sent it: `namesrv`, or the broker's name. */
  server: string
  /** `in`: a client asked the server; `out`: the server asked a client. */
  direction: 'in' | 'out'
  /** Ties the answer to it. */
  opaque: number
  /** Nobody waits for an answer. */
  oneway: boolean
  /** `host:port` of the other side. */
  remoteAddr: string
  /** Undefined where the request names none. */
  topic: string | undefined
  /** Producer or consumer group; undefined where the request names none. */
  group: string | undefined
  /** Undefined where the request names none. */
  queueId: number | undefined
  /** The answer; undefined when there was none, or when it is dropped already. */
  response: RecordedFrame | undefined
  /** From the request to its answer, ms. */
  millis: number | undefined
}

/** Which requests; all fields that are given must agree. */
export interface RequestFilter {
  /** Name or number of a request code, or several. @default any */
  code?: string | number | ReadonlyArray<string | number>
  /** Name or number of a response code. @default any, or no answer */
  responseCode?: string | number
  /** @default any */
  topic?: string
  /** @default any */
  group?: string
  /** @default any */
  queueId?: number
  /** `namesrv` or a broker's name. @default any */
  server?: string
  /** @default both */
  direction?: 'in' | 'out'
}

const FIELDS = ['code', 'responseCode', 'topic', 'group', 'queueId', 'server', 'direction'] as const

/** What exists, to tell filters that can never match. */
export interface FilterScope {
  topics: ReadonlySet<string>
  servers: readonly string[]
}

/** @throws MQClientException (`BAD_OPTION`) for a filter that can match nothing. */
export function recordedRequests(journal: WireJournal, filter: RequestFilter, scope: () => FilterScope): RecordedRequest[] {
  const matches = requestMatcher(filter, scope)
  const pending = new Map<string, RecordedRequest>()
  const found: RecordedRequest[] = []
  for (const frame of journal.frames()) {
    const decoded = decodeFrame(frame)
    if (decoded === undefined) continue
    const { command, record } = decoded
    // Both sides count their requests from 0.
    const asker = frame.isRequest === frame.received ? 'in' : 'out'
    const key = `${frame.server} ${frame.remoteAddr} ${asker} ${command.opaque}`
    if (frame.isRequest) {
      const request = describe(frame, command, record)
      pending.set(key, request)
      found.push(request)
      continue
    }
    const request = pending.get(key)
    if (request === undefined) continue
    pending.delete(key)
    request.response = { ...record, codeName: responseCodeName(record.code) }
    request.millis = frame.timestamp - request.timestamp
  }
  return found.filter(matches)
}

function requestMatcher(filter: RequestFilter, scope: () => FilterScope): (request: RecordedRequest) => boolean {
  checkFields('filter', filter, FIELDS)
  const { topic, group, queueId, server, direction } = filter
  const codes = filter.code === undefined ? undefined : requestCodes('filter.code', filter.code)
  const responseCode =
    filter.responseCode === undefined ? undefined : codeNumber('filter.responseCode', filter.responseCode, ResponseCode)
  checkText('filter.group', group)
  checkWhole('filter.queueId', queueId, 0)
  if (topic !== undefined) checkTopic('filter.topic', topic, scope().topics)
  if (server !== undefined && !scope().servers.includes(server))
    throw refused('filter.server', server, scope().servers.join(', '))
  if (direction !== undefined && direction !== 'in' && direction !== 'out')
    throw refused('filter.direction', direction, 'in, out')
  return (request) =>
    (codes === undefined || codes.includes(request.code)) &&
    (responseCode === undefined || request.response?.code === responseCode) &&
    (topic === undefined || request.topic === topic) &&
    (group === undefined || request.group === group) &&
    (queueId === undefined || request.queueId === queueId) &&
    (server === undefined || request.server === server) &&
    (direction === undefined || request.direction === direction)
}

/** Numbers of one code or several. @throws for a name that does not exist. */
export function requestCodes(what: string, code: unknown): number[] {
  const given = Array.isArray(code) ? code : [code]
  if (given.length === 0) throw refused(what, code, 'a code, or a list with at least one')
  return given.map((one) => codeNumber(what, one, RequestCode))
}

function decodeFrame(frame: JournalFrame): { command: RemotingCommand; record: RecordedFrame } | undefined {
  try {
    const raw = redact(frame.bytes)
    const command = RemotingCommand.decode(raw, 0, raw.length)
    const { code, remark, body, extFields } = command
    return {
      command,
      record: { code, codeName: requestCodeName(code), extFields, remark, body, raw, timestamp: frame.timestamp }
    }
  } catch {
    // What a fault garbled is no answer.
    return undefined
  }
}

function describe(frame: JournalFrame, command: RemotingCommand, record: RecordedFrame): RecordedRequest {
  const fields = command.extFields
  const short = hasShortNames(command.code)
  const queueId = Number(short ? fields['e'] : fields['queueId'])
  return {
    server: frame.server,
    direction: frame.received ? 'in' : 'out',
    ...record,
    opaque: command.opaque,
    oneway: command.isOneway,
    remoteAddr: frame.remoteAddr,
    topic: short ? fields['b'] : fields['topic'],
    group: short ? fields['a'] : (fields['producerGroup'] ?? fields['consumerGroup'] ?? fields['group']),
    queueId: Number.isInteger(queueId) && queueId >= 0 ? queueId : undefined,
    response: undefined,
    millis: undefined
  }
}
