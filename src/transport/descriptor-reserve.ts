import { readFileSync } from 'node:fs'
import type net from 'node:net'

/** Descriptors that stay free of accepted connections, for the files of a store and the connections this process opens itself. */
const RESERVED = 32

/** How many descriptors this process may have, as Linux tells; Infinity where nobody does. */
export function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/**
 * Whether a connection that was just accepted took one of the last descriptors: the kernel gives the lowest number that is free, so a
 * number close to the limit says that few are left, whoever has the others.
 */
export function takesReserved(socket: net.Socket, limit: number): boolean {
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd
  return fd !== undefined && fd >= limit - RESERVED
}
