import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { realClock } from '../internal/clock.ts'
import { RemotingCommandException } from '../internal/errors.ts'
import { addressText, type HostAddress, hostAddress } from './host-address.ts'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0').toUpperCase())

function hex32(value: number): string {
  return HEX[value >>> 24]! + HEX[(value >>> 16) & 0xff]! + HEX[(value >>> 8) & 0xff]! + HEX[value & 0xff]!
}

function hexBytes(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

// Every message of a broker has the same store host object.
let lastHost: HostAddress | undefined
let lastHostHex = ''

/**
 * The broker's message id: address, port and physical offset as hex, 32 characters for IPv4, 56 for IPv6.
 *
 * ```
 * offsetMsgId := address:4|16 bytes port:int32 offset:int64
 * ```
 */
export function createOffsetMsgId(host: HostAddress, offset: number): string {
  if (host !== lastHost) {
    lastHost = host
    lastHostHex = hexBytes(host.bytes) + hex32(host.port)
  }
  return lastHostHex + hex32(Math.floor(offset / 4_294_967_296)) + hex32(offset | 0)
}

/** @throws RemotingCommandException (`BAD_MESSAGE_ID`) */
export function decodeOffsetMsgId(id: string): { host: HostAddress; offset: number } {
  const bytes = idBytes(id, 'offset message id')
  const size = bytes.length - 12
  const address = new Uint8Array(bytes.subarray(0, size))
  const offset = bytes.readInt32BE(size + 4) * 4_294_967_296 + bytes.readUInt32BE(size + 8)
  if (!Number.isSafeInteger(offset)) throw badId('offset message id', id)
  return { host: { host: addressText(address), port: bytes.readInt32BE(size), bytes: address }, offset }
}

/**
 * The client's message id.
 *
 * ```
 * uniqId := address:4|16 bytes pid:int16 random:int32 millisSinceMonthStart:int32 counter:int16      (as upper-case hex)
 * ```
 * Java's `MessageClientIDSetter` has a class loader's hash where this has a random number per thread, which keeps apart worker
 * threads, copies of this package, and processes that share address and pid (containers).
 */
export class UniqIdSource {
  readonly #processHex: string
  /** Address, pid and random part. */
  #prefix = ''
  /** The same with the time; good while the millisecond lasts. */
  #timed = ''
  #monthStart = 0
  #monthEnd = 0
  /** Time of the latest id; runs ahead of the clock when a millisecond's counters are used up. */
  #millis = Number.NEGATIVE_INFINITY
  /** Ids given out in that millisecond. */
  #used = 0
  #counter = 0

  /** @param address 4 or 16 bytes. @default the first address of this host that is not loopback, IPv4 before IPv6 */
  constructor(address: Uint8Array = localAddress()) {
    const pid = process.pid & 0xffff
    this.#processHex = hexBytes(address) + HEX[pid >>> 8] + HEX[pid & 0xff]
  }

  next(now: number): string {
    if (now > this.#millis) this.#enter(now)
    else if (this.#used === COUNTERS) this.#enter(this.#millis + 1)
    if (this.#millis - now > MOST_AHEAD) this.#restart(now)
    this.#used++
    const counter = this.#counter
    this.#counter = (counter + 1) & 0xffff
    return this.#timed + HEX[counter >>> 8] + HEX[counter & 0xff]
  }

  #enter(millis: number): void {
    // Outside the month, times since its start would repeat.
    if (millis >= this.#monthEnd || millis < this.#monthStart) this.#enterMonth(millis)
    this.#millis = millis
    this.#used = 0
    this.#timed = this.#prefix + hex32(millis - this.#monthStart)
  }

  /** The clock was set back: the times to come may have been used, so they get a new random part. */
  #restart(now: number): void {
    this.#enterMonth(now)
    this.#enter(now)
  }

  #enterMonth(millis: number): void {
    this.#prefix = this.#processHex + hexBytes(randomBytes(4))
    this.#monthStart = monthStart(millis, 0)
    this.#monthEnd = monthStart(millis, 1)
  }
}

/** Values of the counter. */
const COUNTERS = 65_536
/** How far ids may run ahead of the clock, ms; Java's tools expect the time within 20. */
const MOST_AHEAD = 10

/** First millisecond of the local month which comes `months` after the one of `millis`, as Java counts. */
function monthStart(millis: number, months: number): number {
  const date = new Date(millis)
  return new Date(date.getFullYear(), date.getMonth() + months, 1).getTime()
}

let source: UniqIdSource | undefined

/** A client message id, unique over threads, processes and clock steps; 32 characters, 56 on hosts with IPv6 only. */
export function createUniqId(nowMillis: number): string {
  source ??= new UniqIdSource()
  return source.next(nowMillis)
}

export interface UniqId {
  ip: string
  pid: number
  /** Wall clock ms when the id was made; only right when that is less than a month ago. */
  timestamp: number
  counter: number
}

/**
 * Takes an id apart, Java's and Go's too.
 * @param nowMillis ids hold the time within the month: it is taken as the latest such time that is not after this.
 * @throws RemotingCommandException (`BAD_MESSAGE_ID`)
 */
export function decodeUniqId(id: string, nowMillis: number = realClock.now()): UniqId {
  const bytes = idBytes(id, 'client message id')
  const size = bytes.length - 12
  // Unsigned: a month has more than 2^31 ms.
  const millis = bytes.readUInt32BE(size + 6)
  const thisMonth = monthStart(nowMillis, 0) + millis
  return {
    ip: addressText(bytes.subarray(0, size)),
    pid: bytes.readUInt16BE(size),
    timestamp: thisMonth <= nowMillis + MOST_AHEAD ? thisMonth : monthStart(nowMillis, -1) + millis,
    counter: bytes.readUInt16BE(size + 10)
  }
}

/** On a host without any address, one made up. */
function localAddress(): Uint8Array {
  let v6: string | undefined
  let v4: string | undefined
  try {
    for (const addresses of Object.values(networkInterfaces())) {
      for (const { address, internal, family } of addresses ?? []) {
        if (internal) continue
        if (family === 'IPv4') v4 ??= address
        else if (!address.startsWith('fe80')) v6 ??= address
      }
    }
  } catch {
    // Some sandboxes forbid to look; the random part keeps ids apart.
  }
  const text = v4 ?? v6
  return text === undefined ? randomBytes(4) : hostAddress(text, 0).bytes
}

function idBytes(id: string, what: string): Buffer {
  const bytes = Buffer.from(id, 'hex')
  if ((id.length !== 32 && id.length !== 56) || bytes.length * 2 !== id.length) throw badId(what, id)
  return bytes
}

function badId(what: string, id: string): RemotingCommandException {
  return new RemotingCommandException(`"${id.slice(0, 64)}" is not a ${what}`, { code: 'BAD_MESSAGE_ID' })
}
