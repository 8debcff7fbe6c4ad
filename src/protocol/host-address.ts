import { isIPv4, isIPv6 } from 'node:net'
import { RemotingCommandException } from '../internal/errors.ts'

/** An address as records hold it: 4 or 16 address bytes and a port. */
export interface HostAddress {
  /** IPv4 or IPv6 text, without brackets. */
  host: string
  /** Port. */
  port: number
  /** 4 or 16 bytes. */
  bytes: Uint8Array
}

/**
 * @param host IPv4 or IPv6 text, with or without brackets; a zone (`%eth0`) is dropped, an IPv4-mapped IPv6 address becomes IPv4.
 * @throws RemotingCommandException (`BAD_ADDRESS`) for anything else, host names included: records hold addresses only.
 */
export function hostAddress(host: string, port: number): HostAddress {
  const bytes = addressBytes(host)
  return { host: addressText(bytes), port, bytes }
}

/** Reads 4 (or 16, `v6`) address bytes and an int32 port. */
export function decodeHostAddress(bytes: Buffer, at: number, v6: boolean): HostAddress {
  const size = v6 ? 16 : 4
  // A copy: the address outlives the record.
  const address = new Uint8Array(size)
  for (let i = 0; i < size; i++) address[i] = bytes[at + i] as number
  return { host: addressText(address), port: bytes.readInt32BE(at + size), bytes: address }
}

/** `host:port`, with brackets around an IPv6 host. */
export function formatHostAddress(address: HostAddress): string {
  return address.bytes.length === 16 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** IPv4 dotted; IPv6 as eight groups without compression, as Java prints it. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] as number) << 8) | (bytes[i + 1] as number)).toString(16))
  return groups.join(':')
}

function addressBytes(host: string): Uint8Array {
  let text = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  const zone = text.indexOf('%')
  if (zone >= 0) text = text.slice(0, zone)
  if (isIPv4(text)) return ipv4Bytes(text)
  if (!isIPv6(text)) throw new RemotingCommandException(`"${host}" is not an IP address`, { code: 'BAD_ADDRESS' })
  const bytes = ipv6Bytes(text)
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)
  return mapped ? bytes.slice(12) : bytes
}

function ipv4Bytes(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number)
}

function ipv6Bytes(text: string): Uint8Array {
  const groups = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [Number.parseInt(group, 16)]
          const [a, b, c, d] = ipv4Bytes(group) as unknown as [number, number, number, number]
          return [(a << 8) | b, (c << 8) | d]
        })
  const [left = '', right] = text.split('::')
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}
