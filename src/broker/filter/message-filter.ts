import type { SubscriptionData } from '../../protocol/heartbeat.ts'
import { decodeMessage } from '../../protocol/message-codec.ts'
import type { RecordFilter, TagsFilter } from '../../store/types.ts'
import { isTagType, tagsFilter } from '../client/subscription.ts'
import type { FilterFactory } from './filter-factory.ts'

/** What of a queue a subscription wants; where both are missing that is everything. Java's `ExpressionMessageFilter`. */
export interface MessageFilter {
  readonly byTags?: TagsFilter | undefined
  readonly byRecord?: RecordFilter | undefined
}

/** @throws Sql92SyntaxError when its expression cannot be read. */
export function messageFilter(factory: FilterFactory, subscription: SubscriptionData): MessageFilter {
  if (isTagType(subscription.expressionType)) return { byTags: tagsFilter(subscription) }
  const passes = factory.compile(subscription.expressionType, subscription.subString)
  return { byRecord: (record) => passes(decodeMessage(record, 0, { decompressBody: false }).properties) }
}
