import { isSystemTopic } from '../protocol/topics.ts'

const SEPARATOR = '%'
const RETRY = '%RETRY%'
const DLQ = '%DLQ%'

/**
 * Puts a topic or group into a namespace of the first kind: `namespace%name`, behind a `%RETRY%` or `%DLQ%` prefix. Names that are in
 * it already, system topics and system groups stay as they are. Java's `NamespaceUtil.wrapNamespace`.
 */
export function wrapNamespace(namespace: string | undefined, resource: string): string {
  if (namespace === undefined || namespace === '' || resource === '' || isSystemResource(resource)) return resource
  const prefix = prefixOf(resource)
  const bare = resource.slice(prefix.length)
  return bare.startsWith(namespace + SEPARATOR) ? resource : `${prefix}${namespace}${SEPARATOR}${bare}`
}

/** Takes a name out of the namespace; a name that is not in it stays as it is. */
export function withoutNamespace(resource: string, namespace: string | undefined): string {
  if (namespace === undefined || namespace === '' || isSystemResource(resource)) return resource
  const prefix = prefixOf(resource)
  const bare = resource.slice(prefix.length)
  return bare.startsWith(namespace + SEPARATOR) ? prefix + bare.slice(namespace.length + 1) : resource
}

function prefixOf(resource: string): string {
  if (resource.startsWith(RETRY)) return RETRY
  return resource.startsWith(DLQ) ? DLQ : ''
}

function isSystemResource(resource: string): boolean {
  return isSystemTopic(resource) || resource.startsWith('rmq_sys_') || resource.startsWith('CID_RMQ_SYS_')
}
