import { type FastjsonObject, type FastjsonValue, isObject } from './fastjson.ts'

/** Reading fields of fastjson bodies: Java leaves out what is null, so everything has a default. */

export function textOf(object: FastjsonObject, name: string, otherwise = ''): string {
  const value = object[name]
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : otherwise
}

export function optionalTextOf(object: FastjsonObject, name: string): string | undefined {
  const value = object[name]
  return value === undefined || value === null ? undefined : textOf(object, name)
}

export function numberOf(object: FastjsonObject, name: string, otherwise = 0): number {
  const value = object[name]
  if (typeof value === 'number') return value
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  return Number.isFinite(number) ? number : otherwise
}

export function booleanOf(object: FastjsonObject, name: string, otherwise = false): boolean {
  const value = object[name]
  if (typeof value === 'boolean') return value
  return typeof value === 'string' ? value.toLowerCase() === 'true' : otherwise
}

export function arrayOf<T>(object: FastjsonObject, name: string, read: (item: FastjsonObject) => T): T[] {
  const value = object[name]
  return Array.isArray(value) ? value.filter(isObject).map(read) : []
}

/** Items that are text or numbers, as text. */
export function textsOf(object: FastjsonObject, name: string): string[] {
  const value = object[name]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string' || typeof item === 'number').map(String) : []
}

export function mapOf<T>(object: FastjsonObject, name: string, read: (value: FastjsonValue, key: string) => T): Map<string, T> {
  const value = object[name]
  return new Map(isObject(value) ? Object.keys(value).map((key) => [key, read(value[key] as FastjsonValue, key)]) : [])
}

/** One of `names`, also given as their ordinal (as Go does). */
export function enumOf<T extends string>(object: FastjsonObject, name: string, names: readonly T[], otherwise: T): T {
  const value = object[name]
  if (typeof value === 'number') return names[value] ?? otherwise
  return names.includes(value as T) ? (value as T) : otherwise
}
