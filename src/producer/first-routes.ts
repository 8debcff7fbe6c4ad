import type { MQClientInstance } from '../client/mq-client-instance.ts'
import { type Logger, logText } from '../internal/logger.ts'
import type { ProducerConfig } from './producer-options.ts'
import type { PublishTopics } from './publish-topic.ts'

/**
 * Looks up the routes of the topics that a producer names in its options, so that its first sends need not. A topic without a route is no
 * reason not to start. Never rejects.
 */
export async function findFirstRoutes(
  instance: MQClientInstance,
  publishTopics: PublishTopics,
  { topics, createTopicKey, defaultTopicQueueNums, sendMsgTimeout }: ProducerConfig,
  signal: AbortSignal,
  logger: Logger
): Promise<void> {
  const options = { createTopicKey, defaultTopicQueueNums, timeoutMillis: sendMsgTimeout, signal }
  const lookups = topics.map(async (name) => {
    await instance.tryToFindTopicPublishInfo(publishTopics.get(name).name, options)
  })
  for (const lookup of await Promise.allSettled(lookups)) {
    if (lookup.status === 'rejected') logger.warn(`no route at the start: ${logText(lookup.reason)}`)
  }
}
