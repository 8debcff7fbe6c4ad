#!/usr/bin/env node
// Each option that may be left out says what holds then: the properties of every published interface named ...Options or ...Config
// carry `@default`. Reads what typedoc wrote to .cache/api/api.json; `npm run docs:api` runs both.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const INTERFACE = 256
const PROPERTY = 1024
/** Given in part, so that each setting may be left out. */
const SETTINGS = new Set(['BrokerConfig', 'MessageStoreConfig', 'NamesrvConfig'])
/** These have no default: what is absent plays no part. */
const WITHOUT = new Set(['RocketMQErrorOptions', 'NetworkConnectOptions'])

const api = JSON.parse(readFileSync(fileURLToPath(new URL('../.cache/api/api.json', import.meta.url)), 'utf8'))
const missing = new Set()
let options = 0

function walk(reflection) {
  const { kind, name, children = [] } = reflection
  if (kind === INTERFACE && /(?:Options|Config)$/.test(name) && !WITHOUT.has(name)) {
    for (const { kind: member, name: option, flags, comment } of children) {
      const mayBeLeftOut = flags.isOptional || SETTINGS.has(name)
      if (member !== PROPERTY || !mayBeLeftOut) continue
      options++
      if (!comment?.blockTags?.some(({ tag }) => tag === '@default')) missing.add(`${name}.${option}`)
    }
  }
  for (const child of children) walk(child)
}
walk(api)

for (const option of missing) console.error(`${option} has no @default`)
console.log(`options: ${options}, ${missing.size} without @default`)
process.exitCode = missing.size === 0 && options > 0 ? 0 : 1
