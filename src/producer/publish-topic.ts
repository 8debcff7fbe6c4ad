import { wrapNamespace } from '../client/namespace-util.ts'
import type { TopicPublishInfo } from '../client/topic-publish-info.ts'
import { QueueIndex } from './select-one-message-queue.ts'
import type { SendLane } from './send-lane.ts'
import { checkTopic, checkTopicAllowsSend } from './validators.ts'

/** What a producer keeps of a topic it sends to. */
export class PublishTopic {
  /** As it travels: with its namespace. */
  readonly name: string
  /** Present while a send to this topic waits. */
  lane: SendLane | undefined = undefined
  #info: TopicPublishInfo | undefined = undefined
  #index = new QueueIndex()

  constructor(name: string) {
    this.name = name
  }

  /** The counter for these queues; a new route starts somewhere else, as in Java. */
  indexFor(info: TopicPublishInfo): QueueIndex {
    if (this.#info !== info) {
      this.#info = info
      this.#index = new QueueIndex()
    }
    return this.#index
  }
}

/** The topics a producer sends to, checked when their name is first met; the client keeps their routes fresh. */
export class PublishTopics {
  readonly #namespace: string | undefined
  /** By the name the caller uses. */
  readonly #topics = new Map<string, PublishTopic>()

  constructor(namespace: string | undefined) {
    this.#namespace = namespace
  }

  /** @throws MQClientException when `topic` cannot be sent to. */
  get(topic: string): PublishTopic {
    return this.#topics.get(topic) ?? this.#add(topic)
  }

  /** The topic, when it has been sent to. */
  known(topic: string): PublishTopic | undefined {
    return this.#topics.get(topic)
  }

  *names(): Iterable<string> {
    for (const topic of this.#topics.values()) yield topic.name
  }

  /** A topic without a route is not looked after, unless somebody waits for it. */
  forget(topic: PublishTopic): void {
    if (topic.lane !== undefined) return
    for (const [name, kept] of this.#topics) if (kept === topic) this.#topics.delete(name)
  }

  #add(topic: string): PublishTopic {
    checkTopic(topic)
    const name = wrapNamespace(this.#namespace, topic)
    if (name !== topic) checkTopic(name)
    checkTopicAllowsSend(name)
    const added = new PublishTopic(name)
    this.#topics.set(topic, added)
    return added
  }
}
