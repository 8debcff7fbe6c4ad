import { AssertionError } from 'node:assert'
import type { FaultHandle, FaultMatch } from '../internal/fault.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import { checkFields, checkText, checkTopic, checkWhole, reasoned, refused } from './bad-input.ts'
import { type FaultHost, kindOf, type LoopbackFaultAction, WHEN_FIELDS } from './fault-kinds.ts'
import { type FilterScope, requestCodes } from './recorded-requests.ts'

/** Which events a fault strikes at; what is absent does not matter. */
export interface LoopbackFaultMatch {
  /** Name or number of a request code, or several. Producers of this package and of Java send with `SEND_MESSAGE_V2`. */
  code?: string | number | ReadonlyArray<string | number>
  /** Topic of the message or request; it has to exist. */
  topic?: string
  /** Producer or consumer group. */
  group?: string
  /** Queue of the message. */
  queueId?: number
  /** Broker concerned. */
  brokerName?: string
  /** Only the name server, or only brokers. */
  server?: 'namesrv' | 'broker'
  /** Strike only at the n-th matching event, counted from 1. */
  nth?: number
  /** Strike with this probability, above 0 and up to 1. */
  probability?: number
}

/** A fault to strike with. */
export interface LoopbackFault {
  /** Which events it strikes at. @default all of the kind's place */
  when?: LoopbackFaultMatch
  /** What happens to them. */
  then: LoopbackFaultAction
  /** How often it strikes before it is spent. @default without end */
  times?: number
}

/** A fault that was added. */
export interface LoopbackFaultHandle extends Omit<FaultHandle, 'fault'> {
  /** As it was added. */
  readonly fault: LoopbackFault
}

interface FaultScope extends FilterScope, FaultHost {
  brokerNames: readonly string[]
  /** Queues of a topic at the broker that has most of them; undefined for one that no broker knows. */
  queuesOf(topic: string): number | undefined
}

/**
 * Faults of a loopback broker, as data: each counts its hits, can be awaited, and is checked when it is added.
 *
 * @example
 * const busy = broker.faults.add({ when: { code: 'SEND_MESSAGE_V2', topic: 'Orders' }, then: { kind: 'respond', code: 'SYSTEM_BUSY' }, times: 2 })
 * await busy.fired(2)
 * broker.faults.assertAllFired()
 */
export class LoopbackFaults {
  readonly #table: FaultTable
  readonly #scope: () => FaultScope
  /** All since the last clear, spent and removed ones too: a fault that was taken away before it struck has proved nothing. */
  readonly #added: LoopbackFaultHandle[] = []
  /** What `probability` is drawn with; the same seed gives the same run. */
  readonly seed: number

  /** @internal */
  constructor(table: FaultTable, seed: number, scope: () => FaultScope) {
    this.#table = table
    this.#scope = scope
    this.seed = seed
  }

  /**
   * Strikes from now on; where several match the first one that was added strikes.
   * @throws MQClientException (`BAD_OPTION`) naming the field, its value and what is allowed.
   */
  add(fault: LoopbackFault): LoopbackFaultHandle {
    checkFields('fault', fault, ['when', 'then', 'times'])
    const { when = {}, then, times } = fault
    const rule = kindOf(then)
    const place = then.kind === 'hold' && !['request', 'response', undefined].includes(then.point) ? 'store' : rule.place
    const scope = this.#scope()
    const fields = WHEN_FIELDS[place].filter((field) => rule.settled?.includes(field) !== true)
    const match = checkMatch(when, fields, scope)
    checkWhole('times', times, 1)
    if (when.nth !== undefined && times !== undefined && times > 1) {
      throw refused('times', times, '1: with when.nth a fault strikes once')
    }
    const compiled = rule.compile(then as unknown as Record<string, unknown>, scope)
    const row = this.#table.add({
      when: { ...match, ...compiled.when },
      then: compiled.then,
      ...(times === undefined ? {} : { times })
    })
    const handle: LoopbackFaultHandle = {
      fault,
      get hits() {
        return row.hits
      },
      get matches() {
        return row.matches
      },
      fired: (count = 1, { signal } = {}) =>
        reasoned(
          row.fired(count, signal === undefined ? {} : { signal }),
          signal,
          () =>
            `waited until the fault ${then.kind} struck ${count} times, it struck ${row.hits} times of ${row.matches} that agreed`
        ),
      release: () => row.release(),
      remove: () => row.remove()
    }
    this.#added.push(handle)
    return handle
  }

  /** Every fault that was added since the start or the last {@link clear}, spent and removed ones too. */
  get all(): readonly LoopbackFaultHandle[] {
    return this.#added
  }

  /** Those that have not struck once. */
  pending(): LoopbackFaultHandle[] {
    return this.#added.filter(({ hits }) => hits === 0)
  }

  /** @throws AssertionError with a table of the faults that never struck. */
  assertAllFired(): void {
    const pending = this.pending()
    if (pending.length === 0) return
    const rows = pending.map(({ fault, matches }) => [
      fault.then.kind,
      JSON.stringify(fault.when ?? {}),
      String(fault.times ?? 'any'),
      String(matches)
    ])
    const what = pending.length === 1 ? '1 fault' : `${pending.length} faults`
    const message = `${what} never struck (seed ${this.seed}):\n${table([['then', 'when', 'times', 'matched'], ...rows])}`
    throw new AssertionError({
      message,
      actual: pending.length,
      expected: 0,
      operator: 'assertAllFired',
      stackStartFn: this.assertAllFired
    })
  }

  /** Releases and removes all; who waits for one to fire is told. */
  clear(): void {
    this.#table.clear()
    this.#added.length = 0
  }
}

function checkMatch(when: LoopbackFaultMatch, allowed: readonly string[], scope: FaultScope): FaultMatch {
  checkFields('when', when, [...allowed, 'nth', 'probability'])
  const { code, topic, group, queueId, brokerName, server, nth, probability } = when
  checkTopic('when.topic', topic, scope.topics)
  checkText('when.group', group)
  checkWhole('when.queueId', queueId, 0)
  const queues = topic === undefined ? undefined : scope.queuesOf(topic)
  if (queues !== undefined && queueId !== undefined && queueId >= queues) {
    throw refused('when.queueId', queueId, `a queue of ${topic}, 0 to ${queues - 1}`)
  }
  checkWhole('when.nth', nth, 1)
  if (brokerName !== undefined && !scope.brokerNames.includes(brokerName)) {
    throw refused('when.brokerName', brokerName, scope.brokerNames.join(', '))
  }
  if (server !== undefined && server !== 'namesrv' && server !== 'broker') throw refused('when.server', server, 'namesrv, broker')
  if (probability !== undefined && !(typeof probability === 'number' && probability > 0 && probability <= 1)) {
    throw refused('when.probability', probability, 'a number above 0 and up to 1')
  }
  const { code: _code, ...rest } = when
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as FaultMatch
  return code === undefined ? given : { ...given, code: requestCodes('when.code', code) }
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}`
    )
    .join('\n')
}
