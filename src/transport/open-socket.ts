import { parseAddress } from '../internal/address.ts'
import { deferred } from '../internal/async.ts'
import type { Clock } from '../internal/clock.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { TimerWheel } from '../internal/timer-wheel.ts'
import { WheelEntry } from '../internal/timer-wheel.ts'
import type { ByteReceiver } from './byte-receiver.ts'
import type { Network, NetworkSocket, TlsClientOptions } from './network.ts'
import { connectFailed } from './remoting-errors.ts'

interface OpenSocketOptions {
  addr: string
  network: Network
  tls: TlsClientOptions | undefined
  faults: FaultTable | undefined
  wheel: TimerWheel
  clock: Clock
  timeoutMillis: number
  receiver: ByteReceiver
  /** Gives up at once. */
  signal: AbortSignal
}

/** The end of one attempt to connect. */
class Attempt extends WheelEntry {
  override get keepsAlive(): boolean {
    return true
  }

  readonly controller = new AbortController()
  readonly #millis: number

  constructor(millis: number) {
    super()
    this.#millis = millis
  }

  override expire(): void {
    this.controller.abort(new Error(`no connection within ${this.#millis}(ms)`))
  }
}

/** Opens a socket within `timeoutMillis` on our clock; faults of the point `connect` strike here. */
export async function openSocket(options: OpenSocketOptions): Promise<NetworkSocket> {
  const { addr, network, tls, wheel, timeoutMillis, signal } = options
  const { host, port } = parseAddress(addr)
  const attempt = new Attempt(timeoutMillis)
  const { controller } = attempt
  const abort = (): void => controller.abort(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  wheel.add(attempt, timeoutMillis)
  try {
    await connectFault(options, controller.signal)
    return await network.connect(host, port, { tls, signal: controller.signal, receiver: options.receiver })
  } finally {
    wheel.remove(attempt)
    signal.removeEventListener('abort', abort)
  }
}

async function connectFault(options: OpenSocketOptions, signal: AbortSignal): Promise<void> {
  const { addr, faults, clock } = options
  const struck = faults === undefined || faults.empty ? undefined : faults.strike({ point: 'connect' })
  if (struck === undefined) return
  const { action } = struck
  if (action.kind === 'delay') {
    const { promise, resolve } = deferred<void>()
    const timer = clock.setTimeout(resolve, action.millis)
    await Promise.race([promise, aborted(signal, addr)]).finally(() => timer.cancel())
  } else if (action.kind === 'hold') await Promise.race([struck.released, aborted(signal, addr)])
  else if (action.kind === 'drop') await aborted(signal, addr)
  else throw connectFailed(addr, new Error(`injected fault: ${action.kind}`))
}

function aborted(signal: AbortSignal, addr: string): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(connectFailed(addr, signal.reason))
    signal.addEventListener('abort', () => reject(connectFailed(addr, signal.reason)), { once: true })
  })
}
