import { parseFastjsonObject } from './fastjson.ts'
import { optionalTextOf, textsOf } from './fastjson-fields.ts'

/** Java's `TopicList`. */
export interface TopicList {
  topicList: string[]
  brokerAddr?: string | undefined
}

export function encodeTopicList(list: TopicList): Buffer {
  return Buffer.from(JSON.stringify({ brokerAddr: list.brokerAddr, topicList: list.topicList }), 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeTopicList(bytes: Uint8Array | undefined): TopicList {
  const json = parseFastjsonObject(bytes, 'the topic list')
  return { topicList: textsOf(json, 'topicList'), brokerAddr: optionalTextOf(json, 'brokerAddr') }
}
