import { randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { ClientOptions } from './client-options.ts'

const DEFAULT_INSTANCE_NAME = 'DEFAULT'
/** Interfaces of virtual machines and containers: their addresses tell nobody where this process is. */
const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|cali|tun|tap|utun|awdl|llw|lxc|podman)/

/** `ip@instanceName[@unitName][@STREAM]`. The default instance name becomes the process id and a random number, so that no two are alike. */
export function buildClientId(clientIP: string, options: ClientOptions): string {
  const unit = options.unitName?.trim()
  const stream = options.enableStreamRequestType ? '@STREAM' : ''
  return `${clientIP}@${instanceName(options.instanceName)}${unit === undefined || unit === '' ? '' : `@${unit}`}${stream}`
}

function instanceName(name: string | undefined): string {
  if (name !== undefined && name !== '' && name !== DEFAULT_INSTANCE_NAME) return name
  return `${process.pid}#${randomBytes(8).readBigUInt64BE()}`
}

let found: string | undefined

/**
 * The address this host is known by: the first public IPv4 address, else the last private IPv4 one, else an IPv6 one in brackets, else
 * 127.0.0.1. Looked up once.
 */
export function localAddress(): string {
  found ??= findLocalAddress()
  return found
}

function findLocalAddress(): string {
  let privateV4: string | undefined
  let v6: string | undefined
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (VIRTUAL.test(name)) continue
    for (const { address, internal } of addresses ?? []) {
      if (internal) continue
      if (!isIPv4(address)) v6 ??= address.startsWith('fe80') ? undefined : `[${address}]`
      else if (isPrivate(address)) privateV4 = address
      else return address
    }
  }
  return privateV4 ?? v6 ?? '127.0.0.1'
}

function isPrivate(address: string): boolean {
  return /^(10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address)
}
