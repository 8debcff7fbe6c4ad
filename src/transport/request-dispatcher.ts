import type { MaybePromise } from '../internal/async.ts'
import { isPromise } from '../internal/async.ts'
import { RemotingCommandException } from '../internal/errors.ts'
import type { FaultContext, FaultPoint, FaultTable, StruckFault } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import { logText } from '../internal/logger.ts'
import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import type { Connection } from './connection.ts'
import { RequestRefused } from './request-refused.ts'
import { applyFault, later } from './transport-faults.ts'
import { UnansweredRequests } from './unanswered-requests.ts'

/** Answers a request; undefined answers nothing (now, or ever: a handler may send on the connection itself later). */
export type RequestHandler = (request: RemotingCommand, connection: Connection) => MaybePromise<OutgoingFrame | undefined>

const SYSTEM_ERROR = 1
const SYSTEM_BUSY = 2
const REQUEST_CODE_NOT_SUPPORTED = 3

export interface RequestDispatcherOptions {
  logger: Logger
  faults?: FaultTable | undefined
  /** What faults may match on beside the code, e.g. the topic. */
  describe?: (request: RemotingCommand) => Partial<FaultContext>
  /** How long a request of a code may wait where a fault makes it wait, ms. @default as long as it takes */
  queueMillis?: (code: number) => number | undefined
  /** Where several dispatchers count theirs together. @default each its own */
  unanswered?: UnansweredRequests
}

/**
 * Requests to their handlers by code. Each request is answered at most once, in the order in which the handlers finish: one that waits
 * does not hold up the next. Oneway requests are never answered.
 */
export class RequestDispatcher {
  /** Those that have been handed to a handler which answers later. */
  readonly unanswered: UnansweredRequests
  readonly #handlers = new Map<number, RequestHandler>()
  readonly #logger: Logger
  readonly #faults: FaultTable | undefined
  readonly #describe: ((request: RemotingCommand) => Partial<FaultContext>) | undefined
  readonly #queueMillis: ((code: number) => number | undefined) | undefined
  /** Requests that wait. */
  #queued = 0

  constructor(options: RequestDispatcherOptions) {
    this.unanswered = options.unanswered ?? new UnansweredRequests()
    this.#logger = options.logger
    this.#faults = options.faults
    this.#describe = options.describe
    this.#queueMillis = options.queueMillis
  }

  register(code: number, handler: RequestHandler): void {
    this.#handlers.set(code, handler)
  }

  dispatch(connection: Connection, request: RemotingCommand): void {
    const struck = this.#strike('request', request)
    if (struck === undefined) this.#handle(connection, request)
    else {
      applyFault(struck, connection, RemotingCommand.response(request, SYSTEM_ERROR), {
        proceed: () => this.#handle(connection, request),
        answer: (code, remark, body) =>
          this.#answer(connection, request, RemotingCommand.response(request, code, remark, undefined, body)),
        queue: (millis) => this.#queue(connection, request, millis)
      })
    }
  }

  /** As in a queue that is looked through for requests that have waited too long. */
  #queue(connection: Connection, request: RemotingCommand, millis: number): void {
    const limit = this.#queueMillis?.(request.code) ?? Number.POSITIVE_INFINITY
    const waits = Math.min(millis, limit)
    this.#queued++
    const leave = (): void => void this.#queued--
    const served = (): void => {
      leave()
      if (millis < limit) this.#handle(connection, request)
      else {
        const remark = `[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: ${waits}ms, size of queue: ${this.#queued}`
        this.#answer(connection, request, RemotingCommand.response(request, SYSTEM_BUSY, remark))
      }
    }
    later(connection, waits, served, leave)
  }

  #handle(connection: Connection, request: RemotingCommand): void {
    const handler = this.#handlers.get(request.code)
    if (handler === undefined) {
      this.#answer(connection, request, unsupported(request))
      return
    }
    let result: MaybePromise<OutgoingFrame | undefined>
    try {
      result = handler(request, connection)
    } catch (error) {
      this.#failed(connection, request, error)
      return
    }
    if (isPromise(result)) this.#answerLater(connection, request, result)
    else this.#answer(connection, request, result)
  }

  /** Apart from {@link #handle}, so that a request which is answered at once makes no closures. */
  #answerLater(connection: Connection, request: RemotingCommand, result: Promise<OutgoingFrame | undefined>): void {
    const { unanswered } = this
    unanswered.begin()
    result.then(
      (response) => {
        unanswered.end()
        this.#answer(connection, request, response)
      },
      (error) => {
        unanswered.end()
        this.#failed(connection, request, error)
      }
    )
  }

  #failed(connection: Connection, request: RemotingCommand, error: unknown): void {
    // A header that does not decode broke the protocol: Java's decoder closes on it before any handler runs.
    if (error instanceof RemotingCommandException && error.code === 'BAD_HEADER') {
      connection.close(error)
      return
    }
    this.#logger.warn(`request ${request.code} from ${connection.remoteAddr} failed: ${logText(error)}`)
    if (error instanceof RequestRefused) {
      this.#answer(connection, request, RemotingCommand.response(request, error.responseCode, error.message.slice(0, 1024)))
      return
    }
    const remark = `${(error as Error | undefined)?.name ?? 'Error'}: ${(error as Error | undefined)?.message ?? String(error)}`
    this.#answer(connection, request, RemotingCommand.response(request, SYSTEM_ERROR, remark.slice(0, 1024)))
  }

  #answer(connection: Connection, request: RemotingCommand, response: OutgoingFrame | undefined): void {
    if (response === undefined || request.isOneway) return
    const struck = this.#strike('response', request)
    if (struck === undefined) this.#send(connection, request, response)
    else {
      applyFault(struck, connection, response, {
        proceed: () => this.#send(connection, request, response),
        answer: (code, remark, body) =>
          this.#send(connection, request, RemotingCommand.response(request, code, remark, undefined, body)),
        queue: () => this.#send(connection, request, response)
      })
    }
  }

  #send(connection: Connection, request: RemotingCommand, response: OutgoingFrame): void {
    try {
      connection.send(response)
    } catch (error) {
      this.#logger.error(`the answer to request ${request.code} cannot be sent: ${logText(error)}`)
      const remark = `the answer cannot be sent: ${(error as Error).message}`
      connection.send(RemotingCommand.response(request, SYSTEM_ERROR, remark.slice(0, 1024)))
    }
  }

  #strike(point: FaultPoint, request: RemotingCommand): StruckFault | undefined {
    if (this.#faults === undefined || this.#faults.empty) return undefined
    let described: Partial<FaultContext> = {}
    try {
      described = this.#describe?.(request) ?? {}
    } catch (error) {
      this.#logger.debug(`a request could not be described: ${logText(error)}`)
    }
    return this.#faults.strike({ ...described, point, code: request.code })
  }
}

function unsupported(request: RemotingCommand): RemotingCommand {
  return RemotingCommand.response(request, REQUEST_CODE_NOT_SUPPORTED, ` request type ${request.code} not supported`)
}
