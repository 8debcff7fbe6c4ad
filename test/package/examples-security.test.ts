import { expect, it } from 'vitest'
import { run } from './support/run.ts'
import { projectRoot } from './support/temp-project.ts'

it('the example of TLS and signatures stores what is verified and signed, and nothing else', async () => {
  const { code, stdout, stderr } = await run(process.execPath, ['examples/security.mjs'], { cwd: projectRoot })
  expect([code, stderr]).toEqual([0, ''])
  const lines = stdout.trim().split('\n')
  expect(lines[0]).toBe('verified and signed: SEND_OK')
  expect(lines[1]).toMatch(/^a wrong secret: SEND_FAILED\. .*check accessKey and secretKey/)
  expect(lines[2]).toMatch(/^a topic of others: SEND_FAILED\. .*what that user may do/)
  expect(lines[3]).toMatch(
    /^a certificate that nobody vouches for: NAME_SERVER_UNREACHABLE\. The certificate was not accepted .*tls\.ca/
  )
  expect(lines.slice(4)).toEqual(['stored: 1'])
})
