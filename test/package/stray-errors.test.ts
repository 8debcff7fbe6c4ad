import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { runTool } from './support/run.ts'
import { projectRoot, tempProject } from './support/temp-project.ts'

const projectFile = (name: string): string => readFileSync(path.join(projectRoot, name), 'utf8')

const testWith = (statement: string): string => `import { it } from 'vitest'\nit('passes', () => {\n  ${statement}\n})\n`

async function runTests(files: Record<string, string>, env: NodeJS.ProcessEnv = {}) {
  using project = tempProject({
    'vitest.config.ts': projectFile('vitest.config.ts'),
    'test/setup.ts': projectFile('test/setup.ts'),
    ...files
  })
  return await runTool('vitest', ['run', '--maxWorkers=1'], { cwd: project.root, env })
}

it('process-R4 a test file fails on an unhandled rejection and on an uncaught exception, and is named', async () => {
  const { code, stdout, stderr } = await runTests({
    'test/unit/a.test.ts': testWith("void Promise.reject(new Error('stray'))"),
    'test/unit/b.test.ts': testWith("setImmediate(() => { throw new Error('stray') })"),
    'test/unit/c.test.ts': testWith('')
  })
  expect(stdout + stderr).toMatch(/FAIL +test\/unit\/a\.test\.ts/)
  expect(stdout + stderr).toMatch(/FAIL +test\/unit\/b\.test\.ts/)
  expect(stdout).toContain('3 passed')
  expect(code).toBe(1)
}, 30_000)

it('the test run prints its seed, and takes it from TEST_SEED', async () => {
  const statement =
    'return import("fast-check").then(({ default: fc }) => { if (fc.readConfigureGlobal().seed !== 4711) throw new Error() })'
  const { code, stdout } = await runTests({ 'test/unit/a.test.ts': testWith(statement) }, { TEST_SEED: '4711' })
  expect(stdout).toContain('test seed: 4711')
  expect(code).toBe(0)
}, 30_000)
