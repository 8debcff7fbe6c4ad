import type { FaultAction, FaultContext, FaultMatch, FaultPoint } from '../internal/fault.ts'
import { RequestCode, ResponseCode } from '../protocol/codes.ts'
import { checkFields, checkText, checkWhole, codeNumber, refused } from './bad-input.ts'

/** What a fault of a {@link LoopbackBroker} does. */
export type LoopbackFaultAction =
  /** Answers with this code, by number or RocketMQ's name, instead of handling the request. */
  | { kind: 'respond'; code: number | string; remark?: string; body?: Uint8Array }
  /** Handles the request so many ms later. */
  | { kind: 'delay'; millis: number }
  /**
   * The request waits in the broker's queue for so many ms: from `waitTimeMillsInSendQueue` on (200 by default; 3000 to 31000 for other
   * requests) it is refused with SYSTEM_BUSY instead of being handled, as by a broker that has too much to do.
   */
  | { kind: 'queue'; millis: number }
  /** Handles the request, and sends the answer so many ms later: give more than the caller waits. */
  | { kind: 'late'; millis: number }
  /** Neither handled nor answered; `after` is handled and not answered. By default: before. */
  | { kind: 'drop'; when?: 'before' | 'after' }
  /** Closes the connection: before the request is handled, instead of the reply, or after it. By default: before. */
  | { kind: 'close'; when?: 'before' | 'insteadOfReply' | 'after' }
  /** Leaves the connection open, reads nothing more and answers nothing more. */
  | { kind: 'halfOpen' }
  /** Sends so many bytes of the answer, then closes. By default: 10. */
  | { kind: 'truncate'; bytes?: number }
  /** Sends an answer whose header is no header. */
  | { kind: 'garbageHeader' }
  /** Sends an answer that claims to be 2 GiB long. */
  | { kind: 'oversizedLength' }
  /** Sends the answer twice. */
  | { kind: 'duplicate' }
  /** Sends the answer under the number of a request that nobody made. */
  | { kind: 'wrongOpaque' }
  /** Holds the request, the answer, the sync or the replication until the fault is released. By default: request. */
  | { kind: 'hold'; point?: 'request' | 'response' | 'append' | 'flush' | 'replicate' }
  /** The message is stored, and the send is answered with this status. */
  | { kind: 'storeStatus'; status: 'FLUSH_DISK_TIMEOUT' | 'FLUSH_SLAVE_TIMEOUT' | 'SLAVE_NOT_AVAILABLE' }
  /** The sync of a message that waits for it takes so many ms more. */
  | { kind: 'slowSync'; millis: number }
  /** The sync fails: nothing it covered is acknowledged, and the store takes nothing any more, as after a failed fsync. */
  | { kind: 'failSync'; message?: string }
  /** Nothing can be appended: the send is answered with code 14, and what is stored stays readable. */
  | { kind: 'diskFull' }
  /** Routes as they are now, whatever changes later. */
  | { kind: 'staleRoute' }
  /** Routes without queues and brokers. */
  | { kind: 'emptyRoute' }
  /** The name server closes every connection that is opened or used. */
  | { kind: 'nameServerDown' }
  /** Refuses connections: those that are opened are closed at once. */
  | { kind: 'refuseConnections' }
  /** The broker that was asked is killed before it handles the request; and restarted so many ms later. By default: stays down. */
  | { kind: 'kill'; restartAfter?: number }

/** What the compiler of faults asks the broker. */
export interface FaultHost {
  /** Bodies of the routes as they are now, by topic. */
  routes(): ReadonlyMap<string, Uint8Array>
  /** Of a route without anything. */
  emptyRoute(): Uint8Array
  kill(brokerName: string, restartAfter: number | undefined): void
}

/** A fault as the table knows it. */
export interface CompiledFault {
  when: FaultMatch
  then: FaultAction
}

/** What an event tells at the place where a fault strikes. */
type Place = 'request' | 'store' | 'route' | 'connection'

interface Kind {
  place: Place
  fields: readonly string[]
  /** Fields of `when` that the kind has settled itself. */
  settled?: readonly string[]
  /** @throws for a field's value that is impossible. */
  compile(then: Record<string, unknown>, host: FaultHost): CompiledFault
}

/** Fields of `when` that tell events apart, by place; `nth` and `probability` go everywhere. */
export const WHEN_FIELDS: Readonly<Record<Place, readonly string[]>> = {
  request: ['code', 'topic', 'group', 'queueId', 'brokerName', 'server'],
  store: ['topic', 'queueId', 'brokerName'],
  route: ['topic'],
  connection: ['brokerName', 'server']
}

const MAX_MILLIS = 2 ** 31 - 1

const millis = (then: Record<string, unknown>, field = 'millis'): number => {
  const value = then[field]
  if (value === undefined) throw refused(`then.${field}`, value, `a whole number from 0 to ${MAX_MILLIS}, ms`)
  checkWhole(`then.${field}`, value, 0, MAX_MILLIS)
  return value as number
}

function oneOf<T extends string>(field: string, value: unknown, allowed: readonly T[], otherwise?: T): T {
  if (value === undefined && otherwise !== undefined) return otherwise
  if (!allowed.includes(value as T)) throw refused(`then.${field}`, value, allowed.join(', '))
  return value as T
}

const at = (place: Place, point: FaultPoint, fields: readonly string[], action: Make): Kind => ({
  place,
  fields,
  compile: (then, host) => ({ when: { point, ...ofPlace(place) }, then: action(then, host) })
})

type Make = (then: Record<string, unknown>, host: FaultHost) => FaultAction

function ofPlace(place: Place): FaultMatch {
  return place === 'route' ? { server: 'namesrv', code: RequestCode.GET_ROUTEINFO_BY_TOPIC } : {}
}

/** Every kind, what it may carry and what becomes of it. */
export const KINDS: Readonly<Record<LoopbackFaultAction['kind'], Kind>> = {
  respond: at('request', 'request', ['code', 'remark', 'body'], (then) => {
    const { remark, body } = then
    if (remark !== undefined && typeof remark !== 'string') throw refused('then.remark', remark, 'a text')
    if (body !== undefined && !ArrayBuffer.isView(body)) throw refused('then.body', body, 'a Buffer or Uint8Array')
    const code = codeNumber('then.code', then['code'], ResponseCode)
    checkWhole('then.code', code, -32_768, 32_767)
    return {
      kind: 'respond',
      code,
      ...(remark === undefined ? {} : { remark: remark as string }),
      ...(body === undefined ? {} : { body: body as Uint8Array })
    }
  }),
  delay: at('request', 'request', ['millis'], (then) => ({ kind: 'delay', millis: millis(then) })),
  queue: at('request', 'request', ['millis'], (then) => ({ kind: 'queue', millis: millis(then) })),
  late: at('request', 'response', ['millis'], (then) => ({ kind: 'delay', millis: millis(then) })),
  drop: {
    place: 'request',
    fields: ['when'],
    compile: (then) => {
      const before = oneOf('when', then['when'], ['before', 'after'], 'before') === 'before'
      return { when: { point: before ? 'request' : 'response' }, then: { kind: 'drop' } }
    }
  },
  close: {
    place: 'request',
    fields: ['when'],
    compile: (then) => {
      const when = oneOf('when', then['when'], ['before', 'insteadOfReply', 'after'], 'before')
      const action: FaultAction = { kind: 'close', when: when === 'after' ? 'after' : 'before' }
      return { when: { point: when === 'before' ? 'request' : 'response' }, then: action }
    }
  },
  halfOpen: at('request', 'request', [], () => ({ kind: 'halfOpen' })),
  truncate: at('request', 'response', ['bytes'], ({ bytes = 10 }) => {
    checkWhole('then.bytes', bytes, 0)
    return { kind: 'truncate', bytes: bytes as number }
  }),
  garbageHeader: at('request', 'response', [], () => ({ kind: 'garbageHeader' })),
  oversizedLength: at('request', 'response', [], () => ({ kind: 'oversizedLength' })),
  duplicate: at('request', 'response', [], () => ({ kind: 'duplicate' })),
  wrongOpaque: at('request', 'response', [], () => ({ kind: 'wrongOpaque' })),
  hold: {
    place: 'request',
    fields: ['point'],
    compile: (then) => {
      const point = oneOf('point', then['point'], ['request', 'response', 'append', 'flush', 'replicate'], 'request')
      return { when: { point }, then: { kind: 'hold' } }
    }
  },
  storeStatus: {
    place: 'store',
    fields: ['status'],
    compile: (then) => {
      const status = oneOf('status', then['status'], ['FLUSH_DISK_TIMEOUT', 'FLUSH_SLAVE_TIMEOUT', 'SLAVE_NOT_AVAILABLE'])
      return {
        when: { point: status === 'FLUSH_DISK_TIMEOUT' ? 'flush' : 'replicate' },
        then: { kind: 'fail', status }
      }
    }
  },
  slowSync: at('store', 'flush', ['millis'], (then) => ({ kind: 'delay', millis: millis(then) })),
  failSync: at('store', 'flush', ['message'], ({ message = 'EIO: the sync failed (fault)' }) => {
    checkText('then.message', message)
    return { kind: 'fail', message: message as string }
  }),
  diskFull: at('store', 'append', [], () => ({
    kind: 'fail',
    status: 'SERVICE_NOT_AVAILABLE',
    message: 'the disk is full (fault)'
  })),
  staleRoute: at('route', 'request', [], (_then, host) => {
    const routes = host.routes()
    return { kind: 'respond', code: ResponseCode.SUCCESS, body: ({ topic }: FaultContext) => routes.get(topic ?? '') }
  }),
  emptyRoute: at('route', 'request', [], (_then, host) => ({
    kind: 'respond',
    code: ResponseCode.SUCCESS,
    body: host.emptyRoute()
  })),
  nameServerDown: {
    place: 'connection',
    fields: [],
    settled: ['brokerName', 'server'],
    compile: () => ({ when: { point: ['connect', 'request'], server: 'namesrv' }, then: { kind: 'close' } })
  },
  refuseConnections: at('connection', 'connect', [], () => ({ kind: 'close' })),
  kill: {
    place: 'request',
    fields: ['restartAfter'],
    settled: ['server'],
    compile: (then, host) => {
      const after = then['restartAfter'] === undefined ? undefined : millis(then, 'restartAfter')
      const run = ({ brokerName }: FaultContext): void => host.kill(brokerName ?? '', after)
      return { when: { point: 'request', server: 'broker' }, then: { kind: 'call', run } }
    }
  }
}

/** The rule of an action. @throws for a kind that does not exist, and for fields it does not have. */
export function kindOf(then: unknown): Kind {
  if (typeof then !== 'object' || then === null) throw refused('then', then, "an object with a kind, such as { kind: 'drop' }")
  const { kind } = then as { kind?: unknown }
  if (typeof kind !== 'string' || !Object.hasOwn(KINDS, kind)) throw refused('then.kind', kind, Object.keys(KINDS).join(', '))
  const rule = KINDS[kind as LoopbackFaultAction['kind']]
  checkFields('then', then, ['kind', ...rule.fields])
  return rule
}
