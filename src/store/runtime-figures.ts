import { statfsSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'

/** Java's text of a double, for figures that are not extreme. */
export function doubleText(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Java's `MixAll.humanReadableByteCount`: `0 B`, `1.5 KiB`. */
export function humanReadableByteCount(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${UNITS[unit]}`
}

/** The room a store has: that of its disk, or the memory of the machine for a store in memory. Empty when nobody can tell. */
export function capacityText(folder: string | undefined): string {
  if (folder === undefined) return capacity(totalmem(), freemem())
  try {
    const { blocks, bfree, bsize } = statfsSync(folder)
    return capacity(blocks * bsize, bfree * bsize)
  } catch {
    return ''
  }
}

function capacity(total: number, free: number): string {
  return `Total : ${humanReadableByteCount(total)}, Free : ${humanReadableByteCount(free)}.`
}
