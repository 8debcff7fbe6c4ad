import type { Ending } from '../internal/async.ts'
import type { Clock } from '../internal/clock.ts'
import type { FaultTable, StruckFault } from '../internal/fault-table.ts'
import type { MessageExtBrokerInner, PutMessageStatus } from './types.ts'

type StorePoint = 'append' | 'flush' | 'replicate'

const STATUSES: ReadonlySet<string> = new Set<PutMessageStatus>([
  'PUT_OK',
  'FLUSH_DISK_TIMEOUT',
  'FLUSH_SLAVE_TIMEOUT',
  'SLAVE_NOT_AVAILABLE',
  'SERVICE_NOT_AVAILABLE',
  'CREATE_MAPPED_FILE_FAILED',
  'MESSAGE_ILLEGAL',
  'PROPERTIES_SIZE_EXCEEDED',
  'OS_PAGE_CACHE_BUSY',
  'IN_SYNC_REPLICAS_NOT_ENOUGH',
  'UNKNOWN_ERROR'
])

/** The store's view of the fault table: each put asks it at the append, the flush and the replication. */
export class StoreFaults {
  readonly #table: FaultTable
  readonly #clock: Clock
  readonly #brokerName: string | undefined

  constructor(table: FaultTable, clock: Clock, brokerName: string | undefined) {
    this.#table = table
    this.#clock = clock
    this.#brokerName = brokerName
  }

  get empty(): boolean {
    return this.#table.empty
  }

  /** A fault of a kind that means something to a store, when one strikes here. */
  strike(point: StorePoint, message: MessageExtBrokerInner): StruckFault | undefined {
    const struck = this.#table.strike({
      point,
      server: 'broker',
      topic: message.topic,
      queueId: message.queueId,
      ...(this.#brokerName === undefined ? {} : { brokerName: this.#brokerName })
    })
    const kind = struck?.action.kind
    return kind === 'fail' || kind === 'hold' || kind === 'delay' ? struck : undefined
  }

  /** Settles when a hold is released, or a delay is over. */
  over({ action, released }: StruckFault): Promise<void> {
    if (action.kind !== 'delay') return released
    return new Promise((resolve) => void this.#clock.setTimeout(resolve, action.millis, { ref: false }))
  }

  /** Whether the fault was over before `closing` came, and within `millis` where a limit is given. */
  async overBefore(struck: StruckFault, closing: Ending, millis?: number): Promise<boolean> {
    let settle!: (over: boolean) => void
    const settled = new Promise<boolean>((resolve) => {
      settle = resolve
    })
    const stopWaiting = closing.wait(() => settle(false))
    const timer = millis === undefined ? undefined : this.#clock.setTimeout(() => settle(false), millis)
    void this.over(struck).then(() => settle(true))
    try {
      return await settled
    } finally {
      stopWaiting()
      timer?.cancel()
    }
  }
}

/** The status a `fail` fault asks for; `otherwise` when it names none or none that exists. */
export function faultStatus({ action }: StruckFault, otherwise: PutMessageStatus): PutMessageStatus {
  return action.kind === 'fail' && action.status !== undefined && STATUSES.has(action.status)
    ? (action.status as PutMessageStatus)
    : otherwise
}
