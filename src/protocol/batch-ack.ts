import { parseRequestObject } from './fastjson.ts'
import { arrayOf, numberOf, textOf } from './fastjson-fields.ts'

/** Some of the messages of one pop; Java's `BatchAck`. */
export interface BatchAck {
  consumerGroup: string
  topic: string
  /** Which topic that means: see `realTopic`. */
  retry: string
  queueId: number
  reviveQid: number
  popTime: number
  startOffset: number
  /** Bit n: the message n behind `startOffset`; the first byte holds the first eight, lowest bit first. */
  bitSet: Buffer
}

/**
 * Body of BATCH_ACK_MESSAGE; Java's `BatchAckMessageRequestBody`.
 *
 * ```
 * {"brokerName":s,"acks":[{"c":group,"t":topic,"r":retry,"so":startOffset,"q":queueId,"rq":reviveQid,"pt":popTime,"it":invisibleTime,
 *  "b":base64 of the bits}]}
 * ```
 * @throws RemotingCommandException (`BAD_JSON`)
 */
export function decodeBatchAckRequest(body: Uint8Array | undefined): BatchAck[] {
  return arrayOf(parseRequestObject(body, 'the batch of acknowledgements'), 'acks', (ack) => ({
    consumerGroup: textOf(ack, 'c'),
    topic: textOf(ack, 't'),
    retry: textOf(ack, 'r', '0'),
    queueId: numberOf(ack, 'q'),
    reviveQid: numberOf(ack, 'rq', 0),
    popTime: numberOf(ack, 'pt'),
    startOffset: numberOf(ack, 'so'),
    bitSet: Buffer.from(textOf(ack, 'b'), 'base64')
  }))
}
