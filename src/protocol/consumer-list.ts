import { parseFastjsonObject } from './fastjson.ts'
import { textsOf } from './fastjson-fields.ts'

/** Answer to GET_CONSUMER_LIST_BY_GROUP: the client ids of a group. */
export function encodeConsumerIdList(ids: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify({ consumerIdList: ids }), 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeConsumerIdList(bytes: Uint8Array | undefined): string[] {
  return textsOf(parseFastjsonObject(bytes, 'the consumer list'), 'consumerIdList')
}
