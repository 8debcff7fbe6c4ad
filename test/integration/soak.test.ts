import path from 'node:path'
import { expect, it } from 'vitest'
import { run } from '../package/support/run.ts'
import { projectRoot } from '../package/support/temp-project.ts'

// `npm run torture:soak` is the same for hours.
it('process-R9 mixed load under faults, checked and reset round by round, loses nothing that was acknowledged', {
  timeout: 60_000
}, async () => {
  const soak = path.join(projectRoot, 'test/torture/soak.mjs')
  const { code, stdout, stderr } = await run(process.execPath, [soak, '--minutes', '0.01', '--round-seconds', '0.5'])
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
  const [, acknowledged, lost] = /rounds, (\d+) acknowledged, (\d+) lost/.exec(stdout) ?? []
  expect([Number(acknowledged) > 0, lost]).toEqual([true, '0'])
})
