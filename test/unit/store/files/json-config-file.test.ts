import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { JsonConfigFile } from '../../../../src/store/files/json-config-file.ts'
import { tempFolder } from '../../../support/temp-folder.ts'

it('keeps the version before it as a backup, and nothing else behind', async () => {
  const folder = path.join(tempFolder(), 'config')
  const file = new JsonConfigFile(path.join(folder, 'topics.json'), silentLogger)
  expect(file.load()).toBeUndefined()
  await file.persist(() => '{"a":1}')
  expect(readdirSync(folder)).toEqual(['topics.json'])
  await file.persist(() => '{"a":2}')
  expect(readdirSync(folder).sort()).toEqual(['topics.json', 'topics.json.bak'])
  expect(readFileSync(file.path, 'utf8')).toBe('{"a":2}')
  expect(readFileSync(`${file.path}.bak`, 'utf8')).toBe('{"a":1}')
  expect(statSync(file.path).mode & 0o777).toBe(0o600)
})

it('calls that come while a version is written share the next one', async () => {
  const file = new JsonConfigFile(path.join(tempFolder(), 'x.json'), silentLogger)
  let version = 0
  const encoded: number[] = []
  const encode = (): string => {
    encoded.push(version)
    return JSON.stringify({ version })
  }
  const all: Array<Promise<void>> = []
  for (version = 0; version < 50; version++) all.push(file.persist(encode))
  await Promise.all(all)
  expect(encoded).toHaveLength(2)
  expect(new JsonConfigFile(file.path, silentLogger).load()).toEqual({ version: 50 })
})

it('reads what Java writes: tabs, keys without quotes', () => {
  const file = path.join(tempFolder(), 'consumerOffset.json')
  writeFileSync(file, '{\n\t"offsetTable":{"T@G":{0:12,1:3\n\t\t}\n\t}\n}')
  expect(new JsonConfigFile(file, silentLogger).load()).toEqual({ offsetTable: { 'T@G': { '0': 12, '1': 3 } } })
})

it.each([
  ['missing', undefined],
  ['empty', ''],
  ['cut off', '{"a":1,"b":'],
  ['no object', '[1]']
])('a file that is %s: its backup is read, and survives the next version', async (_, text) => {
  const file = path.join(tempFolder(), 'x.json')
  if (text !== undefined) writeFileSync(file, text)
  writeFileSync(`${file}.bak`, '{"a":7}')
  const config = new JsonConfigFile(file, silentLogger)
  expect(config.load()).toEqual({ a: 7 })
  await config.persist(() => '{"a":8}')
  expect(readFileSync(`${file}.bak`, 'utf8')).toBe('{"a":7}')
  expect(config.load()).toEqual({ a: 8 })
})

it('damage without a backup is an error that names the file and what to do', () => {
  const file = path.join(tempFolder(), 'x.json')
  writeFileSync(file, 'nonsense')
  expect(() => new JsonConfigFile(file, silentLogger).load()).toThrow(/x\.json cannot be read.*move it and its \.bak away/)
})

it('a version that cannot be written is an error, the one before it stays, and a later one is written', async () => {
  const file = path.join(tempFolder(), 'x.json')
  const config = new JsonConfigFile(file, silentLogger)
  await config.persist(() => '{"a":1}')
  mkdirSync(`${file}.tmp`)
  const first = config.persist(() => '{"a":2}')
  const second = config.persist(() => '{"a":3}')
  await expect(first).rejects.toThrow('EISDIR')
  await expect(second).rejects.toThrow('EISDIR')
  expect(config.load()).toEqual({ a: 1 })
})
