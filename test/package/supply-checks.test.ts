import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Run, run } from './support/run.ts'
import { projectRoot, tempProject } from './support/temp-project.ts'

const check = (root: string, only: string): Promise<Run> =>
  run(process.execPath, [path.join(projectRoot, 'scripts/check-supply.mjs'), '--root', root, '--only', only])

/** What the check says about a repository with these files. */
async function problems(files: Record<string, string>, only: string): Promise<string[]> {
  using project = tempProject(files)
  for (const args of [
    ['init', '-q'],
    ['add', ...Object.keys(files)]
  ])
    await run('git', args, { cwd: project.root })
  const { stderr } = await check(project.root, only)
  return stderr.trim().split('\n')
}

describe('the check of the supply', { timeout: 30_000 }, () => {
  it('supply-P4 takes the workflows of this repository, one of which publishes with provenance', async () => {
    expect(await check(projectRoot, 'workflows')).toMatchObject({ code: 0, stderr: '' })
    const release = readFileSync(path.join(projectRoot, '.github/workflows/release.yml'), 'utf8')
    expect(release).toContain('npm publish --provenance')
    expect(release).toContain('git merge-base --is-ancestor "$GITHUB_SHA" origin/main')
  })

  it('supply-P4 refuses moving actions, wide permissions, secrets and a release without provenance', async () => {
    const file = '.github/workflows/release.yml'
    const found = await problems(
      { [file]: 'on: pull_request_target\nsteps:\n  - uses: a/b@v1\n  - run: npm publish\n' },
      'workflows'
    )
    expect(found.map((line) => line.slice(file.length + 2))).toEqual([
      'a/b@v1 is not pinned by commit, with the version behind it',
      'gives more than read access by default',
      'runs with the rights of the repository for a stranger',
      'publishes without provenance',
      'publishing needs id-token: write and a protected environment'
    ])
  })

  it('supply-P5 finds no secret, no forbidden code, and a bill of materials that is complete', async () => {
    const { code, stdout, stderr } = await check(projectRoot, 'secrets,code,sbom')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^sbom: CycloneDX 1\.\d with eventemitter3@\S+, is-network-error@\S+, p-retry@\S+$/m)
  })

  it('supply-P5 refuses secrets and code that runs text or starts programs', async () => {
    // Put together here, so that this file holds none.
    const key = ['-----BEGIN', 'PRIVATE KEY-----'].join(' ')
    const files = {
      'a.pem': `${key}\n${'MIIE'.repeat(16)}\n`,
      'b.txt': `\n${['ghp', 'a1'.repeat(18)].join('_')}\n`,
      'src/c.ts': `import { exec } from 'node:child_process'\n// eval(text) in a comment harms nobody\n`,
      'src/d.ts': `export const run = (text: string): unknown => eval(text)\n`
    }
    expect(await problems(files, 'secrets,code')).toEqual([
      'a.pem:1: looks like a private key',
      'b.txt:2: looks like a token of a code host',
      'src/c.ts: starts programs (node:child_process)',
      'src/d.ts: runs text as code (eval()'
    ])
  })

  it('supply-P5 the security policy says where to report, how soon somebody answers and what is supported', () => {
    const policy = readFileSync(path.join(projectRoot, 'SECURITY.md'), 'utf8')
    for (const part of [
      '## Reporting',
      'Report a vulnerability',
      'within three working days',
      '## Supported versions',
      '| version |'
    ]) {
      expect(policy).toContain(part)
    }
    expect(policy).not.toMatch(/[\w.]+@[\w-]+\.\w+/)
  })
})
