import { MQClientException } from '../../internal/errors.ts'
import { Perm } from '../../protocol/perm.ts'
import type { BrokerControllerOptions } from '../broker-controller-options.ts'
import { newTopicConfig } from './topic-config.ts'
import { MAX_QUEUE_NUMS, type TopicConfigManager } from './topic-config-manager.ts'

const DEFAULT_TOPIC_QUEUES = 4

/** Topics that a broker has from the start. @throws MQClientException (`BAD_OPTION`) naming what is wrong with one, and what is allowed. */
export function addInitialTopics(manager: TopicConfigManager, topics: BrokerControllerOptions['topics'] = {}): void {
  for (const [topic, { queues = DEFAULT_TOPIC_QUEUES, perm = Perm.READ | Perm.WRITE }] of Object.entries(topics)) {
    if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUE_NUMS) {
      throw refused(topic, `queues is ${queues}, allowed is a whole number from 1 to ${MAX_QUEUE_NUMS}`)
    }
    if (!Number.isInteger(perm) || perm < 0 || perm > 7) {
      throw refused(topic, `perm is ${perm}, allowed is 0 to 7 (2 write, 4 read)`)
    }
    manager.addInitial(newTopicConfig(topic, queues, perm))
  }
}

function refused(topic: string, text: string): MQClientException {
  return new MQClientException(`topic ${topic}: ${text}`, { code: 'BAD_OPTION' })
}
