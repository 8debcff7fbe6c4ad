import { MQClientException } from './errors.ts'
import { logText } from './logger.ts'

export interface Address {
  /** Host name, IPv4 or IPv6 address without brackets. */
  host: string
  port: number
}

/** Characters of a host name, an IPv4 or an IPv6 address with its zone. */
const HOST = /^[\w.:%-]+$/

/**
 * Splits `host:port` at the last colon; IPv6 hosts may stand in brackets (`[::1]:9876`).
 * @throws MQClientException naming the text when it is no address.
 */
export function parseAddress(text: string): Address {
  const trimmed = text.trim()
  const colon = trimmed.lastIndexOf(':')
  const port = Number(trimmed.slice(colon + 1))
  let host = trimmed.slice(0, Math.max(colon, 0))
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1)
  if (colon <= 0 || !HOST.test(host) || !/^\d{1,5}$/.test(trimmed.slice(colon + 1)) || port < 1 || port > 65535) {
    throw new MQClientException(`"${logText(trimmed)}" is not an address: expected host:port with a port from 1 to 65535`, {
      code: 'BAD_ADDRESS'
    })
  }
  return { host, port }
}

/** `host:port`, with brackets around an IPv6 host. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}

/** An address of a socket without the prefix of an IPv4 address on an IPv6 socket; `0.0.0.0` for none. */
export function plainHost(address: string | undefined): string {
  if (address === undefined) return '0.0.0.0'
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
