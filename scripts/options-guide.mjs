#!/usr/bin/env node
// docs/options.md: every option and setting, from the docstrings, so that the two cannot drift apart.
//
//   node scripts/options-guide.mjs [--write]     after `npm run docs:api` wrote .cache/api/api.json, and a build
//
// Without --write it fails when the document is not what it would write.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const DOCUMENT = `${root}docs/options.md`

/** Title, what is said below it, and the interfaces whose members are listed. */
const SECTIONS = [
  [
    'The producer',
    '`new DefaultMQProducer({ ... })`. How they work together: [producer.md](producer.md).',
    'DefaultMQProducerOptions'
  ],
  ['The transaction producer, besides', '`new TransactionMQProducer({ ... })`.', 'TransactionMQProducerOptions'],
  [
    'The client below it',
    'Options of every producer too; producers that share a client (`instanceName`) have to agree in them.',
    'ClientOptions'
  ],
  ['`tls` of the client', 'Besides these, what `tls.connect` of Node.js takes.', 'TlsClientOptions'],
  ['`credentials`', 'Either the keys or a file that holds them.', 'Credentials', 'KeyFile'],
  ['A message', '`new Message({ ... })`.', 'MessageOptions'],
  ['A send', '`producer.send(message, { ... })`; `request` takes the same.', 'SendOptions'],
  [
    'Calls that ask',
    'The last argument of `createTopic`, `searchOffset` and the like.',
    'AdminOptions',
    'CreateTopicOptions',
    'SearchOffsetOptions'
  ],
  [
    'The loopback broker',
    '`LoopbackBroker.start({ ... })`. How they work together: [broker.md](broker.md).',
    'LoopbackBrokerOptions'
  ],
  ['A topic of `topics`', '', 'LoopbackTopicOptions'],
  ['A group of `brokers`', '', 'LoopbackGroupOptions'],
  ['`tls` of the broker', '', 'TlsServerOptions'],
  ['`acl` of the broker', '', 'AclOptions', 'PlainAccount'],
  [
    'Fixtures of tests',
    '`brokerFixture({ ... })`, `fileBrokerFixture({ ... })`, `setupBroker(hooks, { ... })`: these, and all options of the broker.',
    'TestBrokerOptions',
    'SetupOptions'
  ],
  [
    'Settings of the broker',
    "`brokerConfig` of the loopback broker, `--set NAME=VALUE` and lines of `--config` on the command line: RocketMQ's names.",
    'BrokerConfig'
  ],
  ['Settings of the store', '`storeConfig`, `--set`, `--config`.', 'MessageStoreConfig'],
  ['Settings of the name server', '`namesrvConfig`, `--set`, `--config`.', 'NamesrvConfig']
]
const COMMANDS = ['broker', 'send', 'bench', 'bench-store']

const api = JSON.parse(readFileSync(`${root}.cache/api/api.json`, 'utf8'))
const interfaces = new Map()
// What two entries export is described in one and referred to in the other.
for (const { children = [] } of api.children) {
  for (const child of children) if (child.children !== undefined || !interfaces.has(child.name)) interfaces.set(child.name, child)
}

/** Markdown of a docstring on one line; links become code. */
const prose = (parts = []) =>
  parts
    .map(({ kind, text }) => (kind === 'inline-tag' ? `\`${text}\`` : text))
    .join('')
    .replaceAll(/\s+/g, ' ')
    .trim()

const cell = (text) => text.replaceAll('|', '\\|')

function rowsOf(name) {
  const found = interfaces.get(name)
  if (found === undefined) throw new Error(`${name} is not published: correct the sections of this script`)
  // A type that is one of several shapes, or an interface.
  const members = found.children ?? found.type?.declaration?.children ?? []
  if (members.length === 0) throw new Error(`${name} has no members`)
  return members
    .filter(({ inheritedFrom }) => inheritedFrom === undefined)
    .sort((a, b) => Number(a.flags.isOptional ?? false) - Number(b.flags.isOptional ?? false))
    .map(({ name: option, flags, comment, type }) => {
      const own = comment ?? type?.declaration?.signatures?.[0]?.comment
      const stated = prose(own?.blockTags?.find(({ tag }) => tag === '@default')?.content)
      const value = stated.replace(/^```\w*\s*/, '').replace(/\s*```$/, '')
      const fallback = value === '' ? (flags.isOptional ? 'none' : 'required') : value
      return `| \`${option}\` | ${cell(fallback)} | ${cell(prose(own?.summary))} |`
    })
}

function guide() {
  const parts = [
    '# Options',
    'Made from the docstrings by `node scripts/options-guide.mjs --write`; the types in your editor say the same. A value that is out\nof range is refused with what is allowed. So is a name that does not exist; of a producer, whose subclasses may have options of their own, one that\nanother client uses or that has one letter wrong. Sizes are bytes; times are milliseconds unless a line says otherwise.'
  ]
  for (const [title, text, ...names] of SECTIONS) {
    parts.push(`## ${title}`)
    if (text !== '') parts.push(text)
    parts.push(['| option | default | |', '| --- | --- | --- |', ...names.flatMap(rowsOf)].join('\n'))
  }
  parts.push('## The command line')
  for (const command of COMMANDS) {
    const help = execFileSync(process.execPath, [`${root}dist/cli.js`, command, '--help'], { encoding: 'utf8' })
    parts.push(`\`\`\`text\n${help.trimEnd()}\n\`\`\``)
  }
  return `${parts.join('\n\n')}\n`
}

const wanted = guide()
if (process.argv.includes('--write')) {
  writeFileSync(DOCUMENT, wanted)
  console.log(`docs/options.md: ${wanted.split('\n').length} lines`)
} else if (readFileSync(DOCUMENT, 'utf8') !== wanted) {
  console.error('docs/options.md is not what the docstrings say: node scripts/options-guide.mjs --write')
  process.exitCode = 1
} else {
  console.log('docs/options.md says what the docstrings say')
}
