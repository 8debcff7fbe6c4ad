import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { resolveCredentials } from '../../../src/client/credentials.ts'
import { LinesLogger } from '../../support/remoting.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'key-file-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function keyFile(text: string, mode = 0o600): { keyFile: string } {
  const file = path.join(dir, 'key')
  writeFileSync(file, text)
  chmodSync(file, mode)
  return { keyFile: file }
}

describe('a key file', () => {
  it('security-X18 holds the keys as Java reads them, line by line', () => {
    const logger = new LinesLogger()
    const text = '# of the orders service\r\nAccessKey = ann\r\n  SecretKey: se=cret#1 \nSecurityToken=tok\nOther=1\n'
    expect(resolveCredentials(keyFile(text), logger)).toEqual({ accessKey: 'ann', secretKey: 'se=cret#1', securityToken: 'tok' })
    expect(resolveCredentials(keyFile('AccessKey=a\nSecretKey=b'), logger)).toEqual({ accessKey: 'a', secretKey: 'b' })
    expect(logger.lines).toEqual([])
  })

  it('security-X18 that others can read is warned of; one that is missing or incomplete is named, without a key', () => {
    const logger = new LinesLogger()
    resolveCredentials(keyFile('AccessKey=a\nSecretKey=hidden', 0o640), logger)
    expect(logger.lines).toEqual([expect.stringMatching(/^warn the key file .*key is open to other users: chmod 600/)])
    for (const text of ['SecretKey=hidden', 'AccessKey=a\nSecretKey=', 'hidden']) {
      const attempt = (): unknown => resolveCredentials(keyFile(text), logger)
      expect(attempt).toThrow(/needs the lines AccessKey=\.\.\. and SecretKey=\.\.\./)
      try {
        attempt()
      } catch (error) {
        expect(inspect(error)).not.toContain('hidden')
      }
    }
    expect(() => resolveCredentials({ keyFile: path.join(dir, 'absent') }, logger)).toThrow(/absent cannot be read/)
  })
})
