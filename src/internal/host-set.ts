import { BlockList, isIP } from 'node:net'
import { logText } from './logger.ts'

/** Hosts by name (`broker.example.com`, `*.example.com`), by address (`10.0.0.7`, `::1`) or by network (`10.0.0.0/8`); `*` is every host. */
export class HostSet {
  readonly #all: boolean
  readonly #names = new Set<string>()
  readonly #suffixes: string[] = []
  readonly #addresses = new BlockList()

  /** @throws Error naming the entry that is neither name, address nor network. */
  constructor(entries: readonly string[]) {
    this.#all = entries.includes('*')
    for (const entry of entries) {
      const text = entry.trim().toLowerCase()
      const [address = '', bits] = text.replace(/^\[(.*)\]$/, '$1').split('/')
      const version = isIP(address)
      if (version !== 0) this.#addAddress(entry, address, version === 4 ? 'ipv4' : 'ipv6', bits)
      else if (/^\*\.[a-z0-9_.-]+$/.test(text)) this.#suffixes.push(text.slice(1))
      else if (/^[a-z0-9_.-]+$/.test(text)) this.#names.add(text)
      else if (text !== '*') throw bad(entry)
    }
  }

  /** @param host without port and brackets. */
  has(host: string): boolean {
    if (this.#all) return true
    const version = isIP(host)
    if (version !== 0) return this.#addresses.check(host, version === 4 ? 'ipv4' : 'ipv6')
    const name = host.toLowerCase()
    return this.#names.has(name) || this.#suffixes.some((suffix) => name.endsWith(suffix))
  }

  #addAddress(entry: string, address: string, family: 'ipv4' | 'ipv6', bits: string | undefined): void {
    if (bits === undefined) {
      this.#addresses.addAddress(address, family)
      return
    }
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > (family === 'ipv4' ? 32 : 128)) throw bad(entry)
    this.#addresses.addSubnet(address, Number(bits), family)
  }
}

function bad(entry: string): Error {
  return new Error(`"${logText(entry)}" is neither a host name, an address nor a network such as 10.0.0.0/8`)
}
