import { logText } from '../../internal/logger.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { decodeMessage } from '../../protocol/message-codec.ts'
import { Perm } from '../../protocol/perm.ts'
import { encodeProperties, type Properties } from '../../protocol/properties.ts'
import { TRANS_CHECK_MAX_TIME_TOPIC } from '../../protocol/topics.ts'
import type { AppendResult } from '../../store/types.ts'
import type { BrokerServices } from '../broker-services.ts'
import { type PendingMessage, putMessage } from '../send/put-message.ts'
import { acceptedCode } from '../send/put-result.ts'
import { StoredProperties } from '../send/stored-properties.ts'

/** Its positions in the half and the op queue are how far transactions are done with. */
const GROUP = 'CID_RMQ_SYS_TRANS'

export interface QueueRead {
  messages: MessageExt[]
  nextBeginOffset: number
}

/** Half and op messages in the store; Java's `TransactionalMessageBridge`. */
export class TransactionalMessageBridge {
  readonly #broker: BrokerServices

  constructor(broker: BrokerServices) {
    this.#broker = broker
  }

  /** How far the queue is done with; -1 when it never held a message. */
  fetchConsumeOffset(topic: string, queueId: number): number {
    const offset = this.#broker.consumerOffsetManager.queryOffset(GROUP, topic, queueId)
    return offset >= 0 ? offset : this.#broker.store.getMinOffsetInQueue(topic, queueId)
  }

  updateConsumeOffset(topic: string, queueId: number, offset: number): void {
    this.#broker.consumerOffsetManager.commitOwnOffset(GROUP, topic, queueId, offset)
  }

  /** Messages from an offset on; none and the same offset at the end of the queue. Bodies stay as they are stored. */
  getMessages(topic: string, queueId: number, offset: number, count: number): QueueRead {
    const result = this.#broker.store.getMessage(GROUP, topic, queueId, offset, count)
    if (result === undefined) return { messages: [], nextBeginOffset: offset }
    const messages: MessageExt[] = []
    for (const record of result.messages) {
      try {
        messages.push(decodeMessage(record, 0, { decompressBody: false }))
      } catch (error) {
        this.#broker.logger.error(
          `a record of ${topic} queue ${queueId} from offset ${offset} on cannot be read: ${logText(error)}`
        )
      }
    }
    return { messages, nextBeginOffset: result.nextBeginOffset }
  }

  /** Appends the half message once more, with these properties: its next check comes when its new place is reached. */
  putBack(half: MessageExt, properties: Properties): Promise<AppendResult | undefined> {
    return this.#put(this.#again(half, half.topic, half.queueId, properties))
  }

  /** Puts a half message aside for good: nobody ended it. */
  async discard(half: MessageExt): Promise<boolean> {
    const topics = this.#broker.topicConfigManager
    const topic = topics.createTopicInSendMessageBackMethod(TRANS_CHECK_MAX_TIME_TOPIC, 1, Perm.READ | Perm.WRITE, 0)
    const queues = topic?.writeQueueNums ?? 1
    const queueId = Math.floor(Math.random() * queues)
    return (await this.#put(this.#again(half, TRANS_CHECK_MAX_TIME_TOPIC, queueId, half.properties))) !== undefined
  }

  /** Undefined when it was not stored. */
  async #put(message: PendingMessage): Promise<AppendResult | undefined> {
    const { status, appendResult, remark } = await putMessage(this.#broker, message)
    if (acceptedCode(status) !== undefined && appendResult !== undefined) return appendResult
    this.#broker.logger.error(`a half message could not be put to ${message.topic}: ${status} ${logText(remark ?? '')}`)
    return undefined
  }

  #again(half: MessageExt, topic: string, queueId: number, properties: Properties): PendingMessage {
    return {
      topic,
      queueId,
      flag: half.flag,
      sysFlag: half.sysFlag,
      body: half.body,
      stored: new StoredProperties(encodeProperties(properties)),
      bornTimestamp: half.bornTimestamp,
      bornHost: half.bornHost,
      storeHost: this.#broker.storeHost,
      reconsumeTimes: half.reconsumeTimes,
      preparedTransactionOffset: 0
    }
  }
}
