import { EventEmitter } from 'eventemitter3'
import { parseAddress } from '../internal/address.ts'
import type { Clock } from '../internal/clock.ts'
import {
  RemotingConnectException,
  RemotingException,
  RemotingTimeoutException,
  RemotingTooMuchRequestException,
  type RocketMQError
} from '../internal/errors.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import { logText } from '../internal/logger.ts'
import { TimerWheel, WheelEntry } from '../internal/timer-wheel.ts'
import { nextTick, nextTurn } from '../internal/turns.ts'
import type { FrameLimits } from '../protocol/frame-reader.ts'
import { CLIENT_LIMITS } from '../protocol/frame-reader.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import { ONEWAY_FLAG } from '../protocol/remoting-command.ts'
import { abortable } from './abortable.ts'
import { AddressChannel } from './address-channel.ts'
import { ByteReceiver } from './byte-receiver.ts'
import type { ConnectionOwner } from './connection.ts'
import { Connection } from './connection.ts'
import { guard } from './guard.ts'
import { reportInFlight } from './in-flight-report.ts'
import type { CallHolder, Cancellable, OutgoingRequest, PendingRequest, ResponseCallback } from './in-flight-table.ts'
import { OpaqueSequence } from './in-flight-table.ts'
import type { Network, TlsClientOptions } from './network.ts'
import { openSocket } from './open-socket.ts'
import { callTimeout, clientClosed, connectFailed, handOverTimeout, hookFailed, sendFailed } from './remoting-errors.ts'
import type { RequestHandler } from './request-dispatcher.ts'
import { RequestDispatcher } from './request-dispatcher.ts'
import type { RPCHook } from './rpc-hook.ts'
import type { TransportStats } from './transport-stats.ts'
import { transportStats } from './transport-stats.ts'
import { networkOn } from './watched-network.ts'

export interface RemotingClientOptions {
  network: Network
  clock: Clock
  logger: Logger
  /** TLS to every address, where given. */
  tls?: TlsClientOptions | undefined
  /** How long one attempt to connect may take, ms. @default 3000 */
  connectTimeout?: number
  limits?: FrameLimits
  faults?: FaultTable | undefined
  rpcHooks?: readonly RPCHook[]
  /** A connection that is neither read nor written for this long, with nothing in flight, is closed, ms. @default 120000 */
  idleMillis?: number
  /** A peer that sends nothing for this long while requests wait counts as dead, ms. @default 10000 */
  silenceMillis?: number
}

/** What happens to the connections of a client. */
export interface ConnectionEvents {
  /** A connection to `host:port` was opened. */
  connected: (addr: string) => void
  /** It is gone; `error` says why, unless it was closed on purpose. */
  disconnected: (addr: string, error: RocketMQError | undefined) => void
}

/** The end of a oneway request's wait for the socket, which may never take it when the peer does not read. */
class HandOver extends WheelEntry {
  override get keepsAlive(): boolean {
    return true
  }

  override readonly expire: () => void

  constructor(expire: () => void) {
    super()
    this.expire = expire
  }
}

/** Connections to any number of addresses and the calls over them; Java's `NettyRemotingClient`. */
export class RemotingClient {
  /** Run in this order for every request, and in this order for every answer. */
  readonly rpcHooks: RPCHook[]
  readonly stats: TransportStats = transportStats()
  readonly #options: RemotingClientOptions
  readonly #wheel: TimerWheel
  readonly #owner: ConnectionOwner
  readonly #dispatcher: RequestDispatcher
  readonly #channels = new Map<string, AddressChannel>()
  /** Every open connection, also those that only finish what is in flight. */
  readonly #connections = new Set<Connection>()
  readonly #endReport: () => void
  readonly #events = new EventEmitter<ConnectionEvents>()
  #closed = false

  constructor(options: RemotingClientOptions) {
    const { clock, logger } = options
    this.#options = { ...options, network: networkOn(options.network, clock) }
    this.#endReport = reportInFlight(clock, this.#connections)
    this.rpcHooks = [...(options.rpcHooks ?? [])]
    this.#wheel = new TimerWheel(clock, (error) => logger.error(`a deadline failed: ${logText(error)}`))
    this.#dispatcher = new RequestDispatcher({ logger })
    this.#owner = {
      clock,
      logger,
      wheel: this.#wheel,
      limits: options.limits ?? CLIENT_LIMITS,
      watch: {
        idleMillis: options.idleMillis ?? 120_000,
        frameMillis: Number.POSITIVE_INFINITY,
        silenceMillis: options.silenceMillis ?? 10_000
      },
      opaques: new OpaqueSequence(),
      stats: this.stats,
      readWatermark: Number.POSITIVE_INFINITY,
      onRequest: (connection: Connection, request: RemotingCommand) => this.#dispatcher.dispatch(connection, request),
      onGoAway: (connection: Connection, pending: PendingRequest) => this.#goAway(connection, pending),
      onDead: (connection: Connection) => this.#retire(connection)
    }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Answers requests that peers send to us; codes without a handler are answered with code 3. */
  registerProcessor(code: number, handler: RequestHandler): void {
    this.#dispatcher.register(code, handler)
  }

  /** Calls `listener` from now on; what it throws is logged. Returns how to stop it. */
  on<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): () => void {
    const { logger } = this.#options
    const guarded = ((...args: Parameters<ConnectionEvents[E]>) =>
      guard<unknown[]>(logger, `a listener of ${event}`, listener as (...args: unknown[]) => void, ...args)) as never
    this.#events.on(event, guarded)
    return () => this.#events.off(event, guarded)
  }

  /** The connection in use, where there is one. */
  connection(addr: string): Connection | undefined {
    return this.#channels.get(addr)?.connection
  }

  /**
   * The connection to `addr`; callers share one attempt.
   * @throws RemotingConnectException when it fails or takes longer than the smaller of `timeoutMillis` and `connectTimeout`.
   */
  connect(addr: string, timeoutMillis: number, signal?: AbortSignal): Promise<Connection> {
    const existing = this.connection(addr)
    if (existing !== undefined && !this.#closed) return Promise.resolve(existing)
    const timeout = (): RocketMQError => connectFailed(addr, new Error(`no connection within ${timeoutMillis}(ms)`))
    return abortable(signal, (done) => this.#acquire(addr, timeoutMillis, timeout, done))
  }

  /**
   * Sends a request and resolves with its answer, whatever its code. `timeoutMillis` covers connecting too.
   * A GO_AWAY answer moves to a new connection and sends once more there.
   * @throws RemotingConnectException, RemotingSendRequestException, RemotingTimeoutException; `signal.reason` when aborted.
   */
  invoke(addr: string, request: RemotingCommand, timeoutMillis: number, signal?: AbortSignal): Promise<RemotingCommand> {
    const timeout = (): RocketMQError => callTimeout(RemotingTimeoutException, 'invokeSync', addr)
    return abortable(signal, (done) => {
      const call = this.#call(addr, request, timeoutMillis, timeout, done)
      return () => call?.cancel()
    })
  }

  /**
   * {@link invoke} without a promise, for the hot path: hooks, connecting and GO_AWAY as there; `callback` runs exactly once and never
   * before this returns. With an open connection the request is encoded before this returns, and calls to one address leave in call order,
   * also while it is being connected. Time used up before anything was sent is a RemotingTooMuchRequestException.
   * @param impatient fails at once while the address may not be tried again yet.
   * @returns how to give it up; undefined when it has failed already, which the callback is about to hear.
   */
  invokeCallback(
    addr: string,
    request: OutgoingRequest,
    timeoutMillis: number,
    callback: ResponseCallback,
    impatient = false
  ): Cancellable | undefined {
    const connection = this.#channels.get(addr)?.connection
    if (connection !== undefined && this.rpcHooks.length === 0 && timeoutMillis > 0 && !this.#closed) {
      return connection.invoke(request, timeoutMillis, callback)
    }
    const timeout = (): RocketMQError => callTimeout(RemotingTooMuchRequestException, 'invokeAsync', addr)
    return this.#call(addr, request, timeoutMillis, timeout, callback, impatient)
  }

  /**
   * Sends a request that gets no answer; settles when its bytes are with the socket.
   * @param holder gets how to give it up, after which the promise never settles.
   */
  async invokeOneway(addr: string, request: OutgoingRequest, timeoutMillis: number, holder?: CallHolder): Promise<void> {
    let outgoing = request
    if (this.rpcHooks.length > 0) {
      const command = asCommand(request)
      for (const hook of this.rpcHooks) hook.doBeforeRequest(addr, command)
      command.flag |= ONEWAY_FLAG
      outgoing = command
    } else if ('code' in request) (request as RemotingCommand).flag |= ONEWAY_FLAG
    const timeout = (): RocketMQError => callTimeout(RemotingTooMuchRequestException, 'invokeOneway', addr)
    const deadline = this.#options.clock.monotonic() + timeoutMillis
    await new Promise<void>((resolve, reject) => {
      let sent = false
      const stop = this.#withConnection(addr, timeoutMillis, timeout, (error, connection) => {
        if (connection === undefined) return reject(error)
        try {
          if (!connection.sendOneway(outgoing)) return reject(sendFailed(addr, 'CONNECTION_LOST', false, connection.closeError))
        } catch (thrown) {
          return reject(thrown)
        }
        sent = true
        const wait = new HandOver(() => reject(handOverTimeout(addr, timeoutMillis)))
        this.#wheel.add(wait, deadline - this.#options.clock.monotonic())
        connection
          .handedOver()
          .finally(() => this.#wheel.remove(wait))
          .then(resolve, reject)
      })
      const cancel = (): boolean => {
        stop()
        return sent
      }
      if (holder !== undefined) holder.underWay = { cancel }
    })
  }

  /** Closes the connection to `addr`; requests in flight on it fail. The next call opens another. */
  closeConnection(addr: string): void {
    const channel = this.#channels.get(addr)
    if (channel === undefined) return
    this.#channels.delete(addr)
    const error = new RemotingException(`the connection to ${addr} is closed by this client`, { code: 'CONNECTION_CLOSED' })
    channel.abort(error)
    channel.connection?.close(error)
  }

  /**
   * Closes everything; calls in flight fail, with `error` as the cause where given. Bytes of oneway requests that were handed over are
   * not waited for. Afterwards no handle and no timer is left.
   */
  close(error?: RocketMQError): Promise<void> {
    this.#closed = true
    const cause = error ?? clientClosed()
    for (const channel of this.#channels.values()) channel.abort(cause)
    this.#channels.clear()
    for (const connection of [...this.#connections]) connection.close(error)
    this.#wheel.clear()
    this.#endReport()
    return Promise.resolve()
  }

  /** Hooks, connection, request. */
  #call(
    addr: string,
    request: OutgoingRequest,
    timeoutMillis: number,
    timeout: () => RocketMQError,
    callback: ResponseCallback,
    impatient = false
  ): Cancellable | undefined {
    let outgoing = request
    let settle = this.#guarded(callback)
    if (this.rpcHooks.length > 0) {
      try {
        const command = asCommand(request)
        for (const hook of this.rpcHooks) hook.doBeforeRequest(addr, command)
        outgoing = command
        const guarded = settle
        settle = (error, response) => this.#afterHooks(addr, command, error, response, guarded)
      } catch (thrown) {
        nextTick(settle, hookFailed(thrown), undefined)
        return undefined
      }
    }
    const existing = this.#closed || timeoutMillis <= 0 ? undefined : this.connection(addr)
    if (existing !== undefined) return existing.invoke(outgoing, timeoutMillis, settle)
    const deadline = this.#options.clock.monotonic() + timeoutMillis
    let pending: Cancellable | undefined
    const acquired = (error: RocketMQError | undefined, connection: Connection | undefined): void => {
      if (connection === undefined) {
        settle(error, undefined)
        return
      }
      const left = deadline - this.#options.clock.monotonic()
      if (left <= 0) {
        settle(timeout(), undefined)
        return
      }
      pending = connection.invoke(outgoing, left, settle)
    }
    const stop = this.#acquire(addr, timeoutMillis, timeout, acquired, impatient)
    const cancel = (): boolean => {
      stop()
      return pending?.cancel() ?? false
    }
    return { cancel }
  }

  #withConnection(
    addr: string,
    timeoutMillis: number,
    timeout: () => RocketMQError,
    callback: (error: RocketMQError | undefined, connection: Connection | undefined) => void
  ): () => void {
    const connection = this.#closed ? undefined : this.connection(addr)
    if (connection === undefined || timeoutMillis <= 0) return this.#acquire(addr, timeoutMillis, timeout, callback)
    callback(undefined, connection)
    return () => {}
  }

  #acquire(
    addr: string,
    timeoutMillis: number,
    timeout: () => RocketMQError,
    callback: (error: RocketMQError | undefined, connection: Connection | undefined) => void,
    impatient = false
  ): () => void {
    let settle: typeof callback | undefined = callback
    const fail = (error: RocketMQError): (() => void) => {
      nextTick(() => settle?.(error, undefined))
      return () => {
        settle = undefined
      }
    }
    if (this.#closed) return fail(clientClosed())
    if (timeoutMillis <= 0) return fail(timeout())
    let channel = this.#channels.get(addr)
    if (channel === undefined) {
      try {
        parseAddress(addr)
      } catch (cause) {
        return fail(new RemotingConnectException(`connect to ${addr} failed`, { code: 'BAD_ADDRESS', cause }))
      }
      channel = new AddressChannel(addr, this.#wheel, this.#options.clock, (to, signal) => this.#open(to, signal))
      this.#channels.set(addr, channel)
    }
    return channel.wait(timeoutMillis, timeout, callback, impatient)
  }

  async #open(addr: string, signal: AbortSignal): Promise<Connection> {
    const { network, tls, connectTimeout = 3000, faults } = this.#options
    try {
      const receiver = new ByteReceiver()
      const socket = await openSocket({
        receiver,
        addr,
        network,
        tls,
        faults,
        wheel: this.#wheel,
        clock: this.#options.clock,
        timeoutMillis: connectTimeout,
        signal
      })
      const connection = new Connection(socket, this.#owner, addr, receiver)
      this.stats.connects++
      this.#connections.add(connection)
      connection.onClose((error) => {
        this.#connections.delete(connection)
        this.#events.emit('disconnected', addr, error)
      })
      // After the channel has served who waited.
      nextTurn(() => this.#events.emit('connected', addr))
      return connection
    } catch (error) {
      this.stats.connectFailures++
      // Networks of applications throw what they like: no connection is no connection.
      throw error instanceof RemotingException ? error : connectFailed(addr, error)
    }
  }

  /** New calls open another connection; this one finishes what is in flight. */
  #retire(connection: Connection): void {
    this.#channels.get(connection.remoteAddr)?.drop(connection)
    connection.retire()
  }

  #guarded(callback: ResponseCallback): ResponseCallback {
    return (error, response) => guard(this.#options.logger, 'a response callback', callback, error, response)
  }

  #goAway(connection: Connection, pending: PendingRequest): boolean {
    this.#retire(connection)
    const addr = connection.remoteAddr
    const { request, timeoutMillis, sentAt } = pending
    const guarded = this.#guarded(pending.callback)
    const callback: ResponseCallback = (error, response) => {
      if (!pending.cancelled) guarded(error, response)
    }
    if (pending.final || this.#closed) {
      callback(sendFailed(addr, 'GO_AWAY', false, new Error('the peer asked to go away')), undefined)
      return true
    }
    this.stats.goAways++
    const left = (): number => sentAt + timeoutMillis - this.#options.clock.monotonic()
    const timeout = (): RocketMQError => callTimeout(RemotingTimeoutException, 'invokeSync', addr)
    this.#withConnection(addr, left(), timeout, (error, next) => {
      if (next === undefined) return callback(error, undefined)
      if (pending.cancelled) return
      const millis = left()
      if (millis <= 0) return callback(timeout(), undefined)
      next.invoke(request, millis, callback, true)
    })
    return true
  }

  #afterHooks(
    addr: string,
    request: RemotingCommand,
    error: RocketMQError | undefined,
    response: RemotingCommand | undefined,
    callback: ResponseCallback
  ): void {
    if (response === undefined) {
      callback(error, undefined)
      return
    }
    try {
      for (const hook of this.rpcHooks) hook.doAfterResponse(addr, request, response)
    } catch (thrown) {
      callback(hookFailed(thrown), undefined)
      return
    }
    callback(undefined, response)
  }
}

function asCommand(request: OutgoingRequest): RemotingCommand {
  return request.toCommand === undefined ? (request as unknown as RemotingCommand) : request.toCommand()
}
