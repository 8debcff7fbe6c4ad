import { parseFastjsonObject } from './fastjson.ts'
import { mapOf } from './fastjson-fields.ts'

/** `{"table":{name:value}}`; Java's `KVTable`. */
export function encodeKVTable(table: ReadonlyMap<string, string>): Buffer {
  const entries = [...table].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return Buffer.from(`{"table":{${entries.join(',')}}}`, 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeKVTable(bytes: Uint8Array | undefined): Map<string, string> {
  return mapOf(parseFastjsonObject(bytes, 'the table'), 'table', (value) =>
    typeof value === 'string' ? value : JSON.stringify(value)
  )
}
