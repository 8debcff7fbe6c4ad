import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { projectRoot } from '../package/support/temp-project.ts'

// The line was written before the process listened to signals: who sent one at once killed it without a flush, exit code null.
it('a broker that is told to stop as soon as it says that it is ready ends in order', async () => {
  const args = ['dist/cli.js', 'broker', '--port', '0', '--namesrv-port', '0', '--json']
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  child.stdout.once('data', () => child.kill('SIGTERM'))
  expect(await closed).toEqual([0, null])
})
