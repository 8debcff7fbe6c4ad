import { isIP } from 'node:net'
import { MQClientException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { type HostAddress, hostAddress } from '../../protocol/host-address.ts'

/** Whether somebody at this address needs no signature. */
export type RemoteAddressStrategy = (remote: HostAddress) => boolean

const never: RemoteAddressStrategy = () => false
const always: RemoteAddressStrategy = () => true

/**
 * Addresses separated by commas. Each part of an IPv4 address may be `*`, a range `3-9`, or a list `{3,7}`; an IPv6 address stands in
 * full, `*` for everybody. Java's `RemoteAddressStrategyFactory`.
 * @throws MQClientException naming the text that is no address.
 */
export function remoteAddressStrategy(text: string | undefined): RemoteAddressStrategy {
  if (text === undefined || text.trim() === '') return never
  const single = splitOutsideBraces(text, ',').map((part) => oneAddress(part.trim()))
  return (remote) => single.some((matches) => matches(remote))
}

function oneAddress(text: string): RemoteAddressStrategy {
  if (text === '*' || text === '*.*.*.*') return always
  if (isIP(text.replace(/^\[|\]$/g, '')) !== 0) {
    const { host } = hostAddress(text, 0)
    return (remote) => remote.host === host
  }
  const parts = splitOutsideBraces(text, '.')
  const tests = parts.length === 4 ? parts.map(octets) : [undefined]
  if (tests.includes(undefined)) {
    throw new MQClientException(
      `"${logText(text)}" is not an address of a white list: allowed are IP addresses, and IPv4 addresses with *, 3-9 or {3,7}`,
      { code: 'BAD_OPTION' }
    )
  }
  return ({ bytes }) => bytes.length === 4 && bytes.every((byte, i) => tests[i]?.(byte) === true)
}

/** A separator in braces belongs to the list that they hold. */
function splitOutsideBraces(text: string, separator: string): string[] {
  const parts: string[] = []
  let inBraces = false
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{') inBraces = true
    else if (char === '}') inBraces = false
    else if (char === separator && !inBraces) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)]
}

function octets(text: string): ((byte: number) => boolean) | undefined {
  if (text === '*') return () => true
  const list = /^\{(\d{1,3}(?:,\d{1,3})*)\}$/.exec(text)
  if (list !== null) {
    const allowed = new Set((list[1] as string).split(',').map(Number))
    return (byte) => allowed.has(byte)
  }
  const range = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text)
  if (range === null) return undefined
  const low = Number(range[1])
  const high = Number(range[2] ?? low)
  return low > high || high > 255 ? undefined : (byte) => byte >= low && byte <= high
}
