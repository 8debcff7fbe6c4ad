import { createHmac } from 'node:crypto'
import { MQClientException } from '../internal/errors.ts'
import type { ExtFields } from './ext-fields.ts'

export const ACCESS_KEY = 'AccessKey'
export const SIGNATURE = 'Signature'
export const SECURITY_TOKEN = 'SecurityToken'
/** Of Alibaba Cloud's clients (ali-ons): where a user comes from, e.g. ALIYUN. Signed as every other field. */
export const ONS_CHANNEL = 'OnsChannel'
/**
 * Field of QUERY_MESSAGE. Brokers up to 5.0.0 leave it out of what they check; those from 5.1.0 on only for clients up to
 * {@link UNIQUE_KEY_QUERY_UNSIGNED}.
 */
export const UNIQUE_KEY_QUERY = '_UNIQUE_KEY_QUERY'
/** V4_9_3: the last version whose {@link UNIQUE_KEY_QUERY} field every broker leaves out. */
export const UNIQUE_KEY_QUERY_UNSIGNED = 399

/**
 * What ACL 1.0, and the authentication of 5.3, sign: the values of all header fields but the signature, ordered by name (UTF-16, as Java
 * orders text), then the body. Neither names nor lengths are part of it.
 * @param leaveOut one more field that is not part of it.
 */
export function aclContent(fields: ExtFields, body: Uint8Array | undefined, leaveOut = ''): Buffer {
  let text = ''
  for (const name of Object.keys(fields).sort()) if (name !== SIGNATURE && name !== leaveOut) text += fields[name]
  return body === undefined ? Buffer.from(text, 'utf8') : Buffer.concat([Buffer.from(text, 'utf8'), body])
}

/** HMAC-SHA1 in base64. @throws MQClientException when the key is empty. */
export function aclSignature(secretKey: string, content: Uint8Array): string {
  if (secretKey === '') throw new MQClientException('the secret key of the credentials is empty', { code: 'BAD_CREDENTIALS' })
  return createHmac('sha1', secretKey).update(content).digest('base64')
}
