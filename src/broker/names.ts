/** Characters that topic and group names may have. */
const LEGAL = /^[%|a-zA-Z0-9_-]+$/

export const TOPIC_MAX_LENGTH = 127
export const GROUP_MAX_LENGTH = 255
const CLIENT_ID_MAX_LENGTH = 1024

/** What is wrong with a topic name in the words of Java's `TopicValidator`; undefined when it is legal. */
export function topicNameError(topic: string): string | undefined {
  if (topic.trim() === '') return 'The specified topic is blank.'
  if (!LEGAL.test(topic)) return 'The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$'
  if (topic.length > TOPIC_MAX_LENGTH) return 'The specified topic is longer than topic max length.'
  return undefined
}

export function isLegalGroup(group: string): boolean {
  return group.length <= GROUP_MAX_LENGTH && LEGAL.test(group)
}

/** A topic as requests other than sends may name it: `%RETRY%` and `%DLQ%` topics carry a whole group name. */
export function isLegalTopic(topic: string): boolean {
  return topic.length <= GROUP_MAX_LENGTH + 8 && LEGAL.test(topic)
}

export function isLegalClientId(clientId: string): boolean {
  return clientId !== '' && clientId.length <= CLIENT_ID_MAX_LENGTH
}
