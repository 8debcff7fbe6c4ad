/** An address as records hold it: 4 or 16 address bytes and a port. */
export interface HostAddress {
  /** IPv4 or IPv6 text, without brackets. */
  host: string
  port: number
  /** 4 or 16 bytes. */
  bytes: Uint8Array
}
