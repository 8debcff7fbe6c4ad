import { type Logger, logText } from '../../internal/logger.ts'
import { RequestCode } from '../../protocol/codes.ts'
import {
  type CheckTransactionStateRequestHeader,
  encodeCheckTransactionStateHeader
} from '../../protocol/end-transaction-header.ts'
import { ONEWAY_FLAG, RemotingCommand } from '../../protocol/remoting-command.ts'
import type { Connection } from '../../transport/connection.ts'

/** How long a client may take to answer, ms. */
const CALL_MILLIS = 10_000

/** Requests that a broker makes of its clients; Java's `Broker2Client`. */
export class Broker2Client {
  readonly #logger: Logger
  /** How to end each call that waits for a client. */
  readonly #calls = new Set<() => void>()
  #stopped = false

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Code 40, oneway, to every member. */
  notifyConsumerIdsChanged(group: string, members: Iterable<Connection>): void {
    for (const connection of members) {
      const request = RemotingCommand.request(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, { consumerGroup: group })
      request.flag = ONEWAY_FLAG
      if (!connection.sendOneway(request))
        this.#logger.warn(`${connection.remoteAddr} was not told that group ${logText(group)} changed`)
    }
  }

  /** Code 39, oneway. @param record the half message as it was sent, in its stored form. */
  checkProducerTransactionState(connection: Connection, header: CheckTransactionStateRequestHeader, record: Buffer): void {
    const fields = encodeCheckTransactionStateHeader(header)
    const request = RemotingCommand.request(RequestCode.CHECK_TRANSACTION_STATE, fields, record)
    request.flag = ONEWAY_FLAG
    if (!connection.sendOneway(request)) {
      this.#logger.warn(`${connection.remoteAddr} was not asked about transaction ${logText(header.transactionId ?? '')}`)
    }
  }

  /** The client's answer. Rejects when it does not come within 10 s, the connection is lost, or the broker stops. */
  callClient(connection: Connection, request: RemotingCommand): Promise<RemotingCommand> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(stopped())
      const pending = connection.invoke(request, CALL_MILLIS, (error, answer) => {
        this.#calls.delete(end)
        if (answer === undefined) reject(error)
        else resolve(answer)
      })
      const end = (): void => {
        if (pending !== undefined) connection.cancel(pending)
        reject(stopped())
      }
      this.#calls.add(end)
    })
  }

  /** Ends the calls that wait for a client: a broker that stops does not wait for them. */
  shutdown(): void {
    this.#stopped = true
    for (const end of this.#calls) end()
    this.#calls.clear()
  }
}

function stopped(): Error {
  return new Error('the broker was shut down')
}
