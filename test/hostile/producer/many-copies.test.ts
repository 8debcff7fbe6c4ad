import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { run } from '../../package/support/run.ts'

const fixture = fileURLToPath(new URL('./fixtures/many-copies.mjs', import.meta.url))

it('process-R11 worker threads, forks of a cluster, and both copies of the package work side by side', async () => {
  const { code, stdout, stderr } = await run(process.execPath, [fixture])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({
    sent: 3000,
    ids: 3000,
    stored: 3000,
    recognised: true,
    code: 'BAD_STATE',
    foreign: 'SEND_OK'
  })
}, 30_000)
