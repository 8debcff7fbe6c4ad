import { formatAddress, parseAddress } from '../internal/address.ts'

/** The broker's second port, which stands 2 below the first and takes no pulls; used for sends when the option says so. */
export function brokerVIPChannel(vipChannelEnabled: boolean, addr: string): string {
  if (!vipChannelEnabled) return addr
  const { host, port } = parseAddress(addr)
  return port > 2 ? formatAddress(host, port - 2) : addr
}
