import { RemotingCommandException } from '../../internal/errors.ts'
import type { SubscriptionData } from '../../protocol/heartbeat.ts'
import { javaHashCode } from '../../protocol/java-hash.ts'
import type { TagsFilter } from '../../store/types.ts'

export function isTagType(expressionType: string | undefined): boolean {
  return expressionType === undefined || expressionType === '' || expressionType === 'TAG'
}

/**
 * Reads `a || b`; Java's `FilterAPI.build`.
 * @throws RemotingCommandException when there is no tag in it.
 */
export function parseSubscription(
  topic: string,
  expression: string | undefined,
  expressionType: string | undefined
): SubscriptionData {
  const subscription: SubscriptionData = {
    topic,
    subString: expression ?? '',
    expressionType: expressionType ?? 'TAG',
    subVersion: 0,
    classFilterMode: false,
    tagsSet: [],
    codeSet: []
  }
  if (!isTagType(expressionType)) {
    if (subscription.subString === '') throw bad(`an expression of type ${expressionType} may not be empty`)
    return subscription
  }
  if (subscription.subString === '' || subscription.subString === '*') {
    subscription.subString = '*'
    return subscription
  }
  const parts = subscription.subString.split('||')
  if (parts.every((part) => part === '')) throw bad('the expression holds no tag')
  for (const part of parts) {
    const tag = part.trim()
    if (tag === '') continue
    subscription.tagsSet.push(tag)
    subscription.codeSet.push(javaHashCode(tag))
  }
  return subscription
}

/** Brokers compare hashes only, clients compare the tags; undefined passes everything. */
export function tagsFilter(subscription: SubscriptionData): TagsFilter | undefined {
  if (!isTagType(subscription.expressionType) || subscription.classFilterMode || subscription.subString === '*') return undefined
  const codes = new Set(subscription.codeSet)
  return (tagsCode) => codes.has(tagsCode | 0)
}

function bad(message: string): RemotingCommandException {
  return new RemotingCommandException(message, { code: 'BAD_SUBSCRIPTION' })
}
