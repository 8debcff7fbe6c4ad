import { type FastjsonObject, parseFastjsonObject, parseRequestObject } from './fastjson.ts'
import { arrayOf, booleanOf, numberOf, textOf } from './fastjson-fields.ts'
import { MessageQueue } from './message-queue.ts'

/** Body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ. */
export interface LockBatchRequestBody {
  consumerGroup: string
  clientId: string
  mqSet: MessageQueue[]
  onlyThisBroker: boolean
}

export function encodeLockBatchRequest(body: LockBatchRequestBody): Buffer {
  const { clientId, consumerGroup, mqSet, onlyThisBroker } = body
  return Buffer.from(JSON.stringify({ clientId, consumerGroup, mqSet, onlyThisBroker }), 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeLockBatchRequest(bytes: Uint8Array | undefined): LockBatchRequestBody {
  const json = parseRequestObject(bytes, 'the lock request')
  return {
    consumerGroup: textOf(json, 'consumerGroup'),
    clientId: textOf(json, 'clientId'),
    mqSet: arrayOf(json, 'mqSet', decodeMessageQueue),
    onlyThisBroker: booleanOf(json, 'onlyThisBroker')
  }
}

/** Answer to LOCK_BATCH_MQ: the queues that are locked now. */
export function encodeLockBatchResponse(lockOKMQSet: readonly MessageQueue[]): Buffer {
  return Buffer.from(JSON.stringify({ lockOKMQSet }), 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeLockBatchResponse(bytes: Uint8Array | undefined): MessageQueue[] {
  return arrayOf(parseFastjsonObject(bytes, 'the lock answer'), 'lockOKMQSet', decodeMessageQueue)
}

function decodeMessageQueue(json: FastjsonObject): MessageQueue {
  return new MessageQueue(textOf(json, 'topic'), textOf(json, 'brokerName'), numberOf(json, 'queueId'))
}
