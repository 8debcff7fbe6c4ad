import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  cert: string
  key: string
}

export interface Certificates {
  /** The authority that signed the rest. */
  ca: string
  /** For the name `broker.test` and the address 127.0.0.1. */
  server: Certificate
  /** For the name `elsewhere.test` only. */
  otherName: Certificate
  /** For `broker.test`, but its time is over. */
  expired: Certificate
  /** For a client. */
  client: Certificate
}

let made: Certificates | undefined

/** A throw-away authority and certificates, made once per process with the `openssl` command. */
export function certificates(): Certificates {
  made ??= make()
  return made
}

function make(): Certificates {
  const dir = mkdtempSync(join(tmpdir(), 'certificates-'))
  try {
    const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
    const key = (name: string): void => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
    const read = (name: string): string => readFileSync(join(dir, name), 'utf8')
    key('ca')
    openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', '/CN=test authority', '-days', '30', '-out', 'ca.pem')
    const sign = (name: string, extension: string, days: string): Certificate => {
      key(name)
      writeFileSync(join(dir, `${name}.ext`), extension)
      openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
      const issuer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', days, '-extfile', `${name}.ext`]
      openssl('x509', '-req', '-in', `${name}.csr`, ...issuer, '-out', `${name}.pem`)
      return { cert: read(`${name}.pem`), key: read(`${name}.key`) }
    }
    return {
      ca: read('ca.pem'),
      server: sign('server', 'subjectAltName=DNS:broker.test,IP:127.0.0.1', '30'),
      otherName: sign('other', 'subjectAltName=DNS:elsewhere.test', '30'),
      expired: sign('expired', 'subjectAltName=DNS:broker.test,IP:127.0.0.1', '-1'),
      client: sign('client', 'extendedKeyUsage=clientAuth', '30')
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
