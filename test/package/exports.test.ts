import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installedPackage, type Manifest, readJson } from './support/installed-package.ts'
import { type Run, run, runTool } from './support/run.ts'
import { projectRoot } from './support/temp-project.ts'

const manifest = readJson<Manifest>(projectRoot, 'package.json')
/** `rocketmq-producer`, `rocketmq-producer/broker` ... */
const entries = Object.keys(manifest.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => manifest.name + entry.slice(1))

const identifier = (entry: string): string => `entry${entries.indexOf(entry)}`
const esmImports = entries.map((entry) => `import * as ${identifier(entry)} from '${entry}'`).join('\n')
const cjsRequires = entries.map((entry) => `const ${identifier(entry)} = require('${entry}')`).join('\n')

/** Exercises both sides of the package in one process: the broker takes a message from the producer. */
const roundTrip = `
async function main({ DefaultMQProducer, Message, SendStatus }, { LoopbackBroker }) {
  const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 4 } } })
  const producer = new DefaultMQProducer({ producerGroup: 'orders', ...broker.clientOptions() })
  try {
    await producer.start()
    const result = await producer.send(new Message({ topic: 'Orders', body: 'hello' }))
    console.log(result.sendStatus === SendStatus.SEND_OK ? 'stored' : result.sendStatus)
  } finally {
    await producer.shutdown()
    await broker.close()
  }
}
`

describe('an application that installed the package', { timeout: 60_000 }, () => {
  let app: Awaited<ReturnType<typeof installedPackage>>
  beforeAll(async () => {
    app = await installedPackage()
  })
  afterAll(() => app[Symbol.dispose]())

  const node = (file: string, text: string, ...args: string[]): Promise<Run> => {
    writeFileSync(path.join(app.root, file), text)
    return run(process.execPath, [...args, file], { cwd: app.root })
  }
  const stored = { code: 0, stdout: 'stored\n', stderr: '' }
  const esmMain = `${esmImports}\n${roundTrip}\nawait main(entry0, entry1)\n`
  const cjsMain = `${cjsRequires}\n${roundTrip}\nmain(entry0, entry1)\n`

  it('supply-P7 imports it as an ES module', async () => {
    expect(await node('app.mjs', esmMain)).toEqual(stored)
  })

  it('supply-P7 requires it as CommonJS, without loading an ES module', async () => {
    expect(await node('app.cjs', cjsMain, '--no-experimental-require-module')).toEqual(stored)
  })

  it.each([
    ['app.mjs', esmMain],
    ['app.cjs', cjsMain]
  ])('supply-P7 runs %s with frozen intrinsics and without eval', async (file, text) => {
    const { code, stdout } = await node(file, text, '--frozen-intrinsics', '--disallow-code-generation-from-strings')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'stored\n' })
  })

  it('supply-P7 runs under the permission model, reading only itself', async () => {
    const { code, stdout } = await node('app.mjs', esmMain, '--experimental-permission', `--allow-fs-read=${app.root}/*`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'stored\n' })
  })

  it('supply-P7 gets ES modules and CommonJS with the same names', async () => {
    const list = `console.log(JSON.stringify([${entries.map((entry) => `Object.keys(${identifier(entry)}).sort()`).join(', ')}]))`
    const esm = await node('names.mjs', `${esmImports}\n${list}\n`)
    const cjs = await node('names.cjs', `${cjsRequires}\n${list}\n`)
    expect(esm.stdout).toBe(cjs.stdout)
    for (const names of JSON.parse(esm.stdout) as string[][]) expect(names).not.toContain('default')
  })

  it('supply-P7 compiles against its types, strictly, as ES module and as CommonJS', async () => {
    const use = `
import { DefaultMQProducer, Message, type SendResult, SendStatus } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'
export async function send(): Promise<boolean> {
  const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 4 } } })
  const producer = new DefaultMQProducer({ producerGroup: 'orders', ...broker.clientOptions() })
  const result: SendResult = await producer.send(new Message({ topic: 'Orders', body: 'hello' }), { timeout: 3000 })
  return result.sendStatus === SendStatus.SEND_OK
}
`
    writeFileSync(path.join(app.root, 'use.mts'), use)
    writeFileSync(path.join(app.root, 'use.cts'), use)
    const types = path.join(projectRoot, 'node_modules/@types')
    const args = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node', '--typeRoots', types, '--ignoreConfig']
    const compiled = await runTool('tsc', [...args, '--module', 'node16', 'use.mts', 'use.cts'], { cwd: app.root })
    expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('gets its version from the manifest', async () => {
    const { stdout } = await node('version.cjs', `console.log(require('rocketmq-producer/package.json').version)`)
    expect(stdout.trim()).toBe(manifest.version)
  })
})
