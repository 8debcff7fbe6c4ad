import { type FastjsonObject, isObject } from '../../protocol/fastjson.ts'
import { enumOf, mapOf, numberOf, textOf } from '../../protocol/fastjson-fields.ts'
import { isLegalGroup, isLegalTopic } from '../names.ts'

/** Whether consumers pull from queues of their own, or pop from queues they share. */
export const MESSAGE_REQUEST_MODES = ['PULL', 'POP'] as const

/** How a group gets the messages of a topic; Java's `SetMessageRequestModeRequestBody`. */
export interface MessageRequestMode {
  topic: string
  consumerGroup: string
  mode: (typeof MESSAGE_REQUEST_MODES)[number]
  /** With POP: how many further members share a member's queues; 0 or less: all share all. */
  popShareQueueNum: number
}

/** Most entries that are kept: clients may set what they want. */
const MAX_MODES = 100_000

/** Which group pops which topic; Java's `MessageRequestModeManager`, and the content of `messageRequestMode.json`. */
export class MessageRequestModeManager {
  readonly #modes = new Map<string, Map<string, MessageRequestMode>>()
  readonly #onChange: () => void
  #size = 0

  /** @param onChange called after the table changed, so that it is written down */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get(topic: string, group: string): MessageRequestMode | undefined {
    return this.#modes.get(topic)?.get(group)
  }

  /** @returns false when there are too many. */
  set(mode: MessageRequestMode): boolean {
    if (!this.#put(mode)) return false
    this.#onChange()
    return true
  }

  onTopicDeleted(topic: string): void {
    const groups = this.#modes.get(topic)
    if (groups === undefined) return
    this.#modes.delete(topic)
    this.#size -= groups.size
    this.#onChange()
  }

  onGroupDeleted(group: string): void {
    let changed = false
    for (const [topic, groups] of this.#modes) {
      if (!groups.delete(group)) continue
      changed = true
      this.#size--
      if (groups.size === 0) this.#modes.delete(topic)
    }
    if (changed) this.#onChange()
  }

  encode(): string {
    const topics = [...this.#modes].map(([topic, groups]) => {
      const texts = [...groups].map(([group, mode]) => `${JSON.stringify(group)}:${modeText(mode)}`)
      return `${JSON.stringify(topic)}:{${texts.join(',')}}`
    })
    return `{"messageRequestModeMap":{${topics.join(',')}}}`
  }

  /** Takes a master's table over. */
  replaceAll(json: FastjsonObject): void {
    const before = this.encode()
    this.#modes.clear()
    this.#size = 0
    this.load(json)
    if (this.encode() !== before) this.#onChange()
  }

  /** What was written down last; names that are not legal are left out. */
  load(json: FastjsonObject): void {
    for (const [topic, groups] of mapOf(json, 'messageRequestModeMap', (value) => value)) {
      if (!isObject(groups)) continue
      for (const group of Object.keys(groups)) {
        const value = groups[group]
        if (isObject(value) && isLegalTopic(topic) && isLegalGroup(group)) {
          this.#put({ ...messageRequestModeOf(value), topic, consumerGroup: group })
        }
      }
    }
  }

  #put(mode: MessageRequestMode): boolean {
    const { topic, consumerGroup } = mode
    const groups = this.#modes.get(topic) ?? new Map<string, MessageRequestMode>()
    if (!groups.has(consumerGroup)) {
      if (this.#size >= MAX_MODES) return false
      this.#size++
    }
    groups.set(consumerGroup, mode)
    this.#modes.set(topic, groups)
    return true
  }
}

export function messageRequestModeOf(json: FastjsonObject): MessageRequestMode {
  return {
    topic: textOf(json, 'topic'),
    consumerGroup: textOf(json, 'consumerGroup'),
    mode: enumOf(json, 'mode', MESSAGE_REQUEST_MODES, 'PULL'),
    popShareQueueNum: Math.trunc(numberOf(json, 'popShareQueueNum'))
  }
}

/** Key order as in RocketMQ's own JSON. */
function modeText({ consumerGroup, mode, popShareQueueNum, topic }: MessageRequestMode): string {
  return JSON.stringify({ consumerGroup, mode, popShareQueueNum, topic })
}
