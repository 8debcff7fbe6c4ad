import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { MQClientException } from '../internal/errors.ts'
import { type Logger, logText } from '../internal/logger.ts'

/** An ACL user. The secret signs requests and never travels; no value shows in logs, errors or `util.inspect`. */
export interface Credentials {
  /** Name of the user; travels with every request. */
  accessKey: string
  /** Signs requests; never travels. */
  secretKey: string
  /** Of temporary credentials. */
  securityToken?: string
  /** Field `OnsChannel` of Alibaba Cloud's brokers, e.g. `ALIYUN`; goes into the signature. */
  onsChannel?: string
}

/** Credentials in a file of lines `AccessKey=...`, `SecretKey=...` and, where needed, `SecurityToken=...`; Java's `rocketmq.client.keyFile`. */
export interface KeyFile {
  /** Path; `~/` is the home directory. Read when the client starts. */
  keyFile: string
}

/** Other users may read or write the file. */
const FOREIGN_ACCESS = 0o077

/** @throws MQClientException naming the file and what it lacks. */
export function resolveCredentials(given: Credentials | KeyFile, logger: Logger): Credentials {
  return 'keyFile' in given ? readKeyFile(given.keyFile, logger) : given
}

function readKeyFile(name: string, logger: Logger): Credentials {
  const file = name.startsWith('~/') ? path.join(homedir(), name.slice(2)) : name
  let text: string
  try {
    text = readFileSync(file, 'utf8')
    if (process.platform !== 'win32' && (statSync(file).mode & FOREIGN_ACCESS) !== 0) {
      logger.warn(`the key file ${logText(file)} is open to other users: chmod 600 keeps it private`)
    }
  } catch (cause) {
    throw new MQClientException(`the key file ${logText(file)} cannot be read`, { code: 'BAD_OPTION', cause })
  }
  const values = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const entry = /^([^#!\s=:][^\s=:]*)\s*[=:](.*)$/.exec(line.trim())
    if (entry !== null) values.set(entry[1] as string, (entry[2] as string).trim())
  }
  const accessKey = values.get('AccessKey') ?? ''
  const secretKey = values.get('SecretKey') ?? ''
  if (accessKey === '' || secretKey === '') {
    throw new MQClientException(`the key file ${logText(file)} needs the lines AccessKey=... and SecretKey=...`, {
      code: 'BAD_OPTION'
    })
  }
  const securityToken = values.get('SecurityToken') ?? ''
  return { accessKey, secretKey, ...(securityToken === '' ? {} : { securityToken }) }
}
