import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { input: '', timeout: 10_000 })
const send = ['send', '--namesrv', '127.0.0.1:1', '--topic', 'T']

describe('a mistake on the command line', () => {
  beforeAll(() => {
    if (!existsSync(cli)) throw new Error(`${cli} is missing: npm run build`)
  })

  it.each([
    [['send', '--namesrv', 'x', '--topic', 'T', '--body', 'b'], 'namesrvAddr: "x" is not an address'],
    [['send', '--namesrv', '127.0.0.1:1', '--topic', 'a b', '--body', 'b'], 'illegal characters'],
    [[...send, '--file', '/nonexistent/body'], '--file: ENOENT'],
    [[...send, '--body', 'b', '--tags', 'a\u0001b'], 'separator character'],
    [['broker', '--ports', '1'], "Unknown option '--ports'; --help lists the options"],
    [['broker', '--set', 'nope=1'], 'nope'],
    [['broker', '--config', '/nonexistent/broker.conf'], '--config: ENOENT']
  ])('ends with 2 and says what it was: %j', (args, text) => {
    const { status, stdout, stderr } = run(...args)
    expect(stderr.toString()).toContain(text)
    expect(stderr.toString().trim().split('\n')).toHaveLength(1)
    expect(stdout.toString()).toBe('')
    expect(status).toBe(2)
  })

  it('a port that is taken is named, with the way to another one', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const port = String((taken.address() as AddressInfo).port)
    const { status, stderr } = run('broker', '--namesrv-port', port, '--port', '0')
    taken.close()
    expect(stderr.toString()).toContain(
      `address already in use 127.0.0.1:${port}: something runs there already; --namesrv-port 0`
    )
    expect(status).toBe(1)
  })
})
