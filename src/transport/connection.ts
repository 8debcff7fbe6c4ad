import { formatAddress, plainHost } from '../internal/address.ts'
import type { Clock } from '../internal/clock.ts'
import type { RocketMQError } from '../internal/errors.ts'
import { RemotingCommandException, RemotingSendRequestException, RemotingTimeoutException } from '../internal/errors.ts'
import type { Logger } from '../internal/logger.ts'
import { logText } from '../internal/logger.ts'
import type { TimerWheel } from '../internal/timer-wheel.ts'
import { nextTick } from '../internal/turns.ts'
import type { FrameLimits } from '../protocol/frame-reader.ts'
import type { HostAddress } from '../protocol/host-address.ts'
import { hostAddress } from '../protocol/host-address.ts'
import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import { abortable } from './abortable.ts'
import type { ByteReceiver } from './byte-receiver.ts'
import type { WatchLimits, WatchVerdict } from './connection-watch.ts'
import { ConnectionWatch } from './connection-watch.ts'
import { FrameIntake } from './frame-intake.ts'
import type { ConnectionJournal, FrameJournal } from './frame-journal.ts'
import { FrameWriter } from './frame-writer.ts'
import { guard } from './guard.ts'
import type { OpaqueSequence, OutgoingRequest, PendingOwner, ResponseCallback } from './in-flight-table.ts'
import { InFlightTable, PendingRequest } from './in-flight-table.ts'
import type { NetworkSocket } from './network.ts'
import { asRocketMQError, sendFailed } from './remoting-errors.ts'
import type { TransportStats } from './transport-stats.ts'
import type { TurnBudget } from './turn-budget.ts'

const GO_AWAY = 1500

/** What a connection gets from the client or server that owns it. */
export interface ConnectionOwner {
  readonly clock: Clock
  readonly logger: Logger
  readonly wheel: TimerWheel
  readonly limits: FrameLimits
  readonly watch: WatchLimits
  readonly opaques: OpaqueSequence
  readonly stats: TransportStats
  /** Stop reading while more bytes than this wait to be written; Infinity never stops. */
  readonly readWatermark: number
  /** How long frames are taken in one turn of the event loop, over all connections. @default as long as there are any */
  readonly turn?: TurnBudget | undefined
  /** Told of every frame. @default nobody */
  readonly journal?: FrameJournal | undefined
  onRequest(connection: Connection, request: RemotingCommand): void
  /** A GO_AWAY answer; true when the owner takes over and will call back. */
  onGoAway?(connection: Connection, pending: PendingRequest): boolean
  /** Nothing comes from the peer any more; the owner stops using the connection. */
  onDead?(connection: Connection): void
}

/** One connection to a peer: frames out, frames in, answers matched to requests. */
export class Connection {
  readonly remoteAddr: string
  readonly remoteHost: HostAddress
  readonly localAddr: string
  readonly #owner: ConnectionOwner
  readonly #socket: NetworkSocket
  readonly #writer: FrameWriter
  readonly #intake: FrameIntake
  readonly #inFlight = new InFlightTable()
  readonly #watch: ConnectionWatch
  readonly #state
  readonly #pendingOwner: PendingOwner = {
    onTimeout: (pending) => this.#timedOut(pending),
    cancel: (pending) => this.cancel(pending)
  }
  /** Whether incoming bytes are only good until they are read, so that what outlives that must be copied. */
  readonly #bytesAreLent: boolean
  readonly #journal: ConnectionJournal | undefined
  readonly #closeListeners = new Set<(error: RocketMQError | undefined) => void>()
  #attributes: Map<unknown, unknown> | undefined
  #closed = false
  /** Closed, or silenced by a fault: nothing is read and nothing written any more. */
  #mute = false
  #closeError: RocketMQError | undefined
  #retired = false
  #silentTimeouts = 0
  /** The peer ended it. */
  #hungUp = false
  /** Reads so far; a request remembers how many there were when it left. */
  #reads = 0

  /**
   * @param remoteAddr the address as it was dialled. @default the peer's address
   * @param receiver brings the bytes where the socket does not emit them.
   */
  constructor(socket: NetworkSocket, owner: ConnectionOwner, remoteAddr?: string, receiver?: ByteReceiver) {
    const host = plainHost(socket.remoteAddress)
    this.#owner = owner
    this.#socket = socket
    this.remoteAddr = remoteAddr ?? formatAddress(host, socket.remotePort ?? 0)
    this.remoteHost = hostAddress(host, socket.remotePort ?? 0)
    this.localAddr = formatAddress(plainHost(socket.localAddress), socket.localPort ?? 0)
    this.#journal = owner.journal?.of(this.remoteAddr)
    const now = owner.clock.monotonic()
    this.#state = { lastRead: now, lastWrite: now, frameSince: -1, pendingSince: -1 }
    this.#writer = new FrameWriter(
      socket,
      () => this.#onWritten(),
      (error) => this.#onSocketError(error),
      this.#journal
    )
    this.#intake = new FrameIntake(socket, {
      clock: owner.clock,
      limits: owner.limits,
      turn: owner.turn,
      onFrame: (bytes, start, end) => this.#onFrame(bytes, start, end),
      onTaken: (at, begun, frames) => this.#onTaken(at, begun, frames),
      onBroken: (error) => this.#broken(error)
    })
    this.#watch = new ConnectionWatch(
      owner.wheel,
      owner.watch,
      this.#state,
      () => owner.clock.monotonic(),
      (verdict) => this.#onVerdict(verdict)
    )
    this.#watch.start(now)
    this.#bytesAreLent = receiver !== undefined
    receiver?.attach((bytes) => this.#onData(bytes))
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', (error: Error) => this.#onSocketError(error))
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => this.#onEnd())
  }

  get closed(): boolean {
    return this.#closed
  }

  get clock(): Clock {
    return this.#owner.clock
  }

  /** Why it was closed; undefined when it was not, or when either side simply ended it. */
  get closeError(): RocketMQError | undefined {
    return this.#closeError
  }

  /** Requests that wait for an answer. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  /** Those requests. */
  requestsInFlight(): Iterable<PendingRequest> {
    return this.#inFlight.all()
  }

  /** Bytes the socket has not taken yet. */
  get bytesQueued(): number {
    return this.#writer.bytesQueued
  }

  /** Whatever the layers above remember per connection. */
  get attributes(): Map<unknown, unknown> {
    this.#attributes ??= new Map()
    return this.#attributes
  }

  /**
   * Puts an answer or a oneway request on the wire; false when the connection is closed.
   * @throws RemotingCommandException when the frame is larger than the peer may accept.
   */
  send(frame: OutgoingFrame): boolean {
    if (this.#mute) return !this.#closed
    this.#writer.append(frame, this.#owner.limits.maxFrameLength)
    if (this.#writer.bytesQueued > this.#owner.readWatermark) this.#intake.hold()
    return true
  }

  /** Puts bytes on the wire as they are; for faults and tests. */
  sendRaw(bytes: Uint8Array): void {
    if (this.#mute) return
    this.#writer.appendRaw(bytes)
  }

  /** Leaves the connection open, reads nothing more and writes nothing more; for faults. */
  mute(): void {
    if (this.#mute) return
    this.#mute = true
    this.#intake.stop()
    this.#socket.pause()
  }

  /** Sends a request that gets no answer; gives it its opaque. */
  sendOneway(request: OutgoingRequest): boolean {
    request.opaque = this.#owner.opaques.next()
    const sent = this.send(request)
    request.releaseBody?.()
    return sent
  }

  /** Settles when all that was sent so far is with the socket; rejects when the connection closes first. */
  handedOver(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#lost(false))
    return this.#writer.handedOver()
  }

  /**
   * Sends a request; `callback` runs exactly once, never before this returns. The connection gives the request its opaque.
   * Errors: RemotingTimeoutException, RemotingSendRequestException, or RemotingCommandException for a request that cannot be encoded;
   * `maybeStored` says whether bytes of the request may have reached the peer. A request that times out unsent never leaves.
   */
  invoke(request: OutgoingRequest, timeoutMillis: number, callback: ResponseCallback, final = false): PendingRequest | undefined {
    if (this.#closed) {
      this.#failLater(callback, this.#lost(false))
      return undefined
    }
    const owner = this.#owner
    request.opaque = this.#inFlight.reserve(owner.opaques)
    const writer = this.#writer
    const start = writer.position
    try {
      writer.append(request, owner.limits.maxFrameLength)
    } catch (error) {
      this.#failLater(callback, asRocketMQError(error))
      return undefined
    }
    const now = owner.clock.monotonic()
    const pending = new PendingRequest(
      this.#pendingOwner,
      request,
      timeoutMillis,
      callback,
      now,
      start,
      writer.position,
      this.#reads,
      final
    )
    if (this.#inFlight.size === 0) {
      this.#state.pendingSince = now
      this.#watch.pendingBegan(now)
    }
    this.#inFlight.put(pending)
    owner.wheel.add(pending, timeoutMillis, now)
    return pending
  }

  /** {@link invoke} as a promise. Aborting takes the request back where it has not left yet, and rejects with the signal's reason. */
  invokeAsync(request: OutgoingRequest, timeoutMillis: number, signal?: AbortSignal): Promise<RemotingCommand> {
    return abortable(signal, (done) => {
      const pending = this.invoke(request, timeoutMillis, done)
      return () => pending !== undefined && this.cancel(pending)
    })
  }

  /**
   * Forgets a request without calling back; its bytes are taken back where they have not left yet.
   * @returns whether bytes of it may have left.
   */
  cancel(pending: PendingRequest): boolean {
    pending.cancelled = true
    if (this.#inFlight.take(pending.opaque) === undefined) return true
    this.#owner.wheel.remove(pending)
    const left = !this.#writer.retract(pending.start, pending.end)
    pending.request.releaseBody?.()
    this.#settled()
    return left
  }

  /** No new work comes here; closes when the last request in flight has settled. */
  retire(): void {
    this.#retired = true
    this.#closeIfDone()
  }

  /**
   * Closes now. Requests in flight fail at once with RemotingSendRequestException, whose cause is `error`.
   * Without an error, what was sent before is still written as far as the socket takes it.
   */
  close(error?: RocketMQError): void {
    if (this.#closed) return
    this.#closed = true
    this.#mute = true
    this.#intake.stop()
    this.#closeError = error
    if (error === undefined) this.#writer.flush()
    const handed = this.#writer.handed
    this.#watch.stop()
    const pending = this.#inFlight.takeAll()
    this.#writer.close(() => this.#lost(true))
    this.#socket.destroy()
    for (const listener of this.#closeListeners) guard(this.#owner.logger, 'a close listener', listener, error)
    this.#closeListeners.clear()
    for (const request of pending) {
      this.#owner.wheel.remove(request)
      this.#call(request, this.#lost(request.start < handed), undefined)
    }
  }

  /** Called once when the connection has closed, with the error if there was one; at once when it is closed already. Returns what removes it. */
  onClose(listener: (error: RocketMQError | undefined) => void): () => void {
    if (this.#closed) guard(this.#owner.logger, 'a close listener', listener, this.#closeError)
    else this.#closeListeners.add(listener)
    return () => void this.#closeListeners.delete(listener)
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return
    const state = this.#state
    const now = this.#owner.clock.monotonic()
    state.lastRead = now
    this.#reads++
    this.#silentTimeouts = 0
    this.#intake.push(chunk, now)
  }

  #onTaken(now: number, begun: number, frames: boolean): void {
    const state = this.#state
    if (begun === 0) state.frameSince = -1
    else if (state.frameSince < 0 || frames) {
      state.frameSince = now
      this.#watch.frameBegan(now)
    }
  }

  #onFrame(bytes: Buffer, start: number, end: number): void {
    const command = RemotingCommand.decode(bytes, start, end)
    if (this.#journal !== undefined) this.#journal.received(bytes, start, end, command.isResponse)
    if (this.#bytesAreLent) {
      if (command.body !== undefined) command.body = Buffer.from(command.body)
      // Reading the fields of a request decodes them; those of an answer are below.
      if (!command.isResponse && command.rawExtFields !== undefined) void command.extFields
    }
    if (!command.isResponse) {
      this.#owner.onRequest(this, command)
      return
    }
    const pending = this.#inFlight.take(command.opaque)
    if (pending === undefined) {
      this.#owner.stats.lateAnswers++
      return
    }
    this.#owner.wheel.remove(pending)
    if (command.code === GO_AWAY && this.#owner.onGoAway?.(this, pending) === true) {
      this.#settled()
      return
    }
    if (command.rawExtFields !== undefined) this.#decodeFields(pending, command)
    this.#call(pending, undefined, command)
    this.#settled()
  }

  /** Callers of an answer want its fields; a map that does not decode must fail the request, not the caller's code. */
  #decodeFields(pending: PendingRequest, command: RemotingCommand): void {
    try {
      void command.extFields
    } catch (error) {
      this.#call(pending, this.#lost(true, error), undefined)
      throw error
    }
  }

  #timedOut(pending: PendingRequest): void {
    if (this.#inFlight.take(pending.opaque) === undefined) return
    const owner = this.#owner
    owner.stats.timeouts++
    const left = !this.#writer.retract(pending.start, pending.end)
    const text = `wait response on the channel <${this.remoteAddr}> timeout, ${pending.timeoutMillis}(ms)`
    this.#call(pending, new RemotingTimeoutException(text, { code: 'TIMEOUT', retryable: true, maybeStored: left }), undefined)
    if (this.#reads === pending.readsBefore && ++this.#silentTimeouts >= 2) this.#dead()
    this.#settled()
  }

  #settled(): void {
    if (this.#inFlight.size > 0) return
    this.#state.pendingSince = -1
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (this.#retired && this.#inFlight.size === 0) this.close()
  }

  #dead(): void {
    if (this.#closed || this.#retired || this.#owner.onDead === undefined) return
    this.#owner.stats.deadConnections++
    this.#owner.onDead(this)
  }

  #onVerdict(verdict: WatchVerdict): void {
    if (verdict === 'silence') {
      this.#dead()
      return
    }
    if (verdict === 'idle') {
      this.close()
      return
    }
    if (this.#intake.held) {
      this.#watch.frameBegan(this.#owner.clock.monotonic())
      return
    }
    this.#broken(new RemotingCommandException('a frame was begun and not finished in time', { code: 'FRAME_TIMEOUT' }))
  }

  #onWritten(): void {
    const state = this.#state
    state.lastWrite = this.#owner.clock.monotonic()
    if (this.#intake.held && this.#writer.bytesQueued * 2 <= this.#owner.readWatermark) {
      // While we did not read, the peer could not finish its frame.
      if (state.frameSince >= 0) state.frameSince = state.lastWrite
      this.#intake.release()
    }
  }

  #onEnd(): void {
    this.#hungUp ||= !this.#closed
    this.close()
  }

  #onSocketError(error: unknown): void {
    this.#hungUp ||= !this.#closed
    this.close(
      new RemotingSendRequestException(`connection to <${this.remoteAddr}> failed: ${(error as Error).message}`, {
        code: 'CONNECTION_LOST',
        retryable: true,
        cause: error
      })
    )
  }

  #broken(cause: unknown): void {
    this.#owner.stats.protocolErrors++
    const error = asRocketMQError(cause)
    this.#owner.logger.warn(`closing ${this.remoteAddr}: ${logText(error)}`)
    this.close(error)
  }

  #lost(maybeStored: boolean, cause: unknown = this.#closeError): RemotingSendRequestException {
    return sendFailed(this.remoteAddr, 'CONNECTION_LOST', maybeStored, cause, this.#hungUp && this.#reads === 0)
  }

  #call(pending: PendingRequest, error: RocketMQError | undefined, response: RemotingCommand | undefined): void {
    try {
      pending.callback(error, response)
    } catch (thrown) {
      this.#owner.logger.error(`a response callback threw: ${logText(thrown)}`)
    }
    pending.request.releaseBody?.()
  }

  #failLater(callback: ResponseCallback, error: RocketMQError): void {
    nextTick(() => guard(this.#owner.logger, 'a response callback', callback, error, undefined))
  }
}
