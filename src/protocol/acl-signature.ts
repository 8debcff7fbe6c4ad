import { createHmac } from 'node:crypto'
import { MQClientException } from '../internal/errors.ts'
import type { ExtFields } from './ext-fields.ts'

export const SIGNATURE = 'Signature'

/** What ACL 1.0 signs: the values of all header fields but the signature, ordered by name, then the body. */
export function aclContent(fields: ExtFields, body: Uint8Array | undefined): Buffer {
  let text = ''
  for (const name of Object.keys(fields).sort()) if (name !== SIGNATURE) text += fields[name]
  return body === undefined ? Buffer.from(text, 'utf8') : Buffer.concat([Buffer.from(text, 'utf8'), body])
}

/** HMAC-SHA1 in base64. @throws MQClientException when the key is empty. */
export function aclSignature(secretKey: string, content: Uint8Array): string {
  if (secretKey === '') throw new MQClientException('the secret key of the credentials is empty', { code: 'BAD_CREDENTIALS' })
  return createHmac('sha1', secretKey).update(content).digest('base64')
}
