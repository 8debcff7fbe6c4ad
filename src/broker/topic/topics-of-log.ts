import { type Logger, logText } from '../../internal/logger.ts'
import { Perm } from '../../protocol/perm.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import { isLegalTopic } from '../names.ts'
import { newTopicConfig } from './topic-config.ts'
import type { TopicConfigManager } from './topic-config-manager.ts'

/**
 * For a log without its table of topics, because somebody has removed that, or has only brought the log: its topics are served as far as
 * they can be known.
 */
export function serveTopicsOfLog(store: DefaultMessageStore, topicConfigManager: TopicConfigManager, logger: Logger): void {
  for (const topic of store.topics()) {
    if (topicConfigManager.selectTopicConfig(topic) !== undefined || !isLegalTopic(topic)) continue
    logger.warn(`topic ${logText(topic)} has messages and no settings: it is served with as many queues as have messages`)
    topicConfigManager.updateTopicConfig(newTopicConfig(topic, store.queueNums(topic), Perm.READ | Perm.WRITE))
  }
}
