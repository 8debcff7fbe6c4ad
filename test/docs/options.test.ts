import { expect, it } from 'vitest'
import { DEFAULT_BROKER_CONFIG } from '../../src/broker/broker-config.ts'
import { DEFAULT_NAMESRV_CONFIG } from '../../src/nameserver/namesrv-config.ts'
import { producerConfig } from '../../src/producer/producer-options.ts'
import { DEFAULT_MESSAGE_STORE_CONFIG } from '../../src/store/message-store-config.ts'
import { readText } from './support/code-blocks.ts'

/** Name and default of each row below a heading of docs/options.md. */
function defaults(heading: string): Map<string, string> {
  const section = readText('docs/options.md').split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return new Map([...section.matchAll(/^\| `(\w+)` \| (.*?) \| /gm)].map(([, name = '', value = '']) => [name, value]))
}

it.each([
  ['Settings of the broker', DEFAULT_BROKER_CONFIG],
  ['Settings of the store', DEFAULT_MESSAGE_STORE_CONFIG],
  ['Settings of the name server', DEFAULT_NAMESRV_CONFIG]
])('tool-8 %s: each is listed, with the default that holds', (heading, config) => {
  const listed = defaults(heading)
  expect([...listed.keys()].sort()).toEqual(Object.keys(config).sort())
  const wrong = Object.entries(config).filter(
    ([name, value]) => typeof value !== 'string' && !listed.get(name)?.startsWith(String(value))
  )
  expect(wrong).toEqual([])
})

it('tool-8 The producer: numbers and switches have the default that holds', () => {
  const listed = defaults('The producer')
  const config = Object.entries(producerConfig({ producerGroup: 'g' })).filter(([name]) => listed.has(name))
  const plain = config.filter(([, value]) => typeof value === 'number' || typeof value === 'boolean')
  expect(plain.length).toBeGreaterThan(15)
  expect(plain.filter(([name, value]) => listed.get(name) !== String(value))).toEqual([])
})
