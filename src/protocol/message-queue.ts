/** One queue of a topic on one broker. Frozen: routes, hooks and results share it. */
export class MessageQueue {
  /** With its namespace in hooks and selectors, without in results. */
  readonly topic: string
  /** Name of the broker, or of the master and its slaves. */
  readonly brokerName: string
  /** From 0. */
  readonly queueId: number

  constructor(topic: string, brokerName: string, queueId: number) {
    this.topic = topic
    this.brokerName = brokerName
    this.queueId = queueId
    Object.freeze(this)
  }

  /** Whether both name the same queue. */
  equals(other: MessageQueue): boolean {
    return this.topic === other.topic && this.brokerName === other.brokerName && this.queueId === other.queueId
  }

  /** Orders by topic, broker name and queue id, as Java does; clients that share queues must agree on the order. */
  compareTo(other: MessageQueue): number {
    if (this.topic !== other.topic) return this.topic < other.topic ? -1 : 1
    if (this.brokerName !== other.brokerName) return this.brokerName < other.brokerName ? -1 : 1
    return this.queueId - other.queueId
  }

  /** Java's text. */
  toString(): string {
    return `MessageQueue [topic=${this.topic}, brokerName=${this.brokerName}, queueId=${this.queueId}]`
  }

  /** Key order as in RocketMQ's own JSON. */
  toJSON(): Pick<MessageQueue, 'brokerName' | 'queueId' | 'topic'> {
    return { brokerName: this.brokerName, queueId: this.queueId, topic: this.topic }
  }
}
