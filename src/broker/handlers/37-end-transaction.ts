import { isPromise, type MaybePromise } from '../../internal/async.ts'
import { RemotingCommandException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField, requiredInt, requiredLong } from '../../protocol/header-fields.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { decodeMessage } from '../../protocol/message-codec.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { encodeProperties } from '../../protocol/properties.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { resetTransactionValue, SysFlag } from '../../protocol/sys-flag.ts'
import type { PutMessageResult } from '../../store/types.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { NOT_SET } from '../remarks.ts'
import { type PendingMessage, putMessage } from '../send/put-message.ts'
import { acceptedCode, putRefusal } from '../send/put-result.ts'
import { StoredProperties } from '../send/stored-properties.ts'
import { immunityTime, opMessage } from '../transaction/transactional-message-util.ts'

/** Rollbacks, and nothing else, are answered with this remark by a real broker: it never sets their code. */
const ROLLBACK_REMARK = 'not set any response code'

/** Code 37: commits a half message, which then becomes visible, or rolls it back. Mostly oneway. */
export function endTransaction(broker: BrokerServices): RequestHandler {
  return (request) => end(broker, request)
}

function end(broker: BrokerServices, request: RemotingCommand): MaybePromise<OutgoingFrame | undefined> {
  const fields = request.extFields
  const type = requiredInt(fields, 'commitOrRollback')
  const commit = type === SysFlag.TRANSACTION_COMMIT_TYPE
  if (!commit && type !== SysFlag.TRANSACTION_ROLLBACK_TYPE && type !== SysFlag.TRANSACTION_NOT_TYPE) {
    throw new RemotingCommandException('commitOrRollback field wrong', { code: 'BAD_FIELD' })
  }
  const respond = (code: number, remark?: string): RemotingCommand => RemotingCommand.response(request, code, remark)
  if (broker.storeConfig.brokerRole === 'SLAVE') return respond(ResponseCode.SLAVE_NOT_AVAILABLE)
  // Not decided yet: nothing happens and nothing is answered.
  if (type === SysFlag.TRANSACTION_NOT_TYPE) return undefined
  const commitLogOffset = requiredLong(fields, 'commitLogOffset')
  // Committing one of before a reset would also mark another half message as done: queue offsets have begun anew.
  const record = commitLogOffset < broker.forgottenOffset ? undefined : broker.store.lookMessageByOffset(commitLogOffset)
  if (record === undefined) return respond(ResponseCode.SYSTEM_ERROR, 'Find prepared transaction message failed')
  const half = decodeMessage(record, 0, { decompressBody: false })
  if (!booleanField(fields, 'fromTransactionCheck') && immunityPassed(broker, half))
    return respond(ResponseCode.ILLEGAL_OPERATION, NOT_SET)
  if (half.properties.get(MessageConst.PGROUP) !== fields['producerGroup']) {
    return respond(ResponseCode.SYSTEM_ERROR, 'The producer group wrong')
  }
  if (half.queueOffset !== requiredLong(fields, 'tranStateTableOffset')) {
    return respond(ResponseCode.SYSTEM_ERROR, 'The transaction state table offset wrong')
  }
  if (half.commitLogOffset !== commitLogOffset) return respond(ResponseCode.SYSTEM_ERROR, 'The commit log offset wrong')
  if (!commit) {
    // Without its mark the message is still open: nobody may be told that it is gone.
    return after(putMessage(broker, opMessage(broker, half)), (result) => {
      if (acceptedCode(result.status) !== undefined) return respond(ResponseCode.SUCCESS, ROLLBACK_REMARK)
      const refusal = putRefusal(result, broker.storeConfig.maxMessageSize)
      return respond(refusal.code, refusal.remark)
    })
  }
  const message = committedMessage(half, commitLogOffset)
  if (message === undefined) return respond(ResponseCode.SYSTEM_ERROR, 'Find prepared transaction message failed')
  return after(putMessage(broker, message), (result) => {
    const { appendResult } = result
    if (acceptedCode(result.status) === undefined || appendResult === undefined) {
      const refusal = putRefusal(result, broker.storeConfig.maxMessageSize)
      return respond(refusal.code, refusal.remark)
    }
    broker.brokerStatsManager.incPut(message.topic, appendResult.msgNum, appendResult.wroteBytes)
    return after(putMessage(broker, opMessage(broker, half)), ({ status }) => {
      if (acceptedCode(status) === undefined) {
        broker.logger.warn(
          `${logText(half.msgId)} is committed, but could not be marked so (${status}): it will be asked about again`
        )
      }
      return respond(ResponseCode.SUCCESS)
    })
  })
}

function after(
  put: MaybePromise<PutMessageResult>,
  next: (result: PutMessageResult) => MaybePromise<OutgoingFrame>
): MaybePromise<OutgoingFrame> {
  return isPromise(put) ? put.then(next) : next(put)
}

/** Whoever asks for a check of his own time can no longer end the transaction himself after it. */
function immunityPassed(broker: BrokerServices, half: MessageExt): boolean {
  const text = half.properties.get(MessageConst.CHECK_IMMUNITY_TIME_IN_SECONDS)
  if (text === undefined || text === '') return false
  return broker.clock.now() - half.bornTimestamp > immunityTime(text, broker.config.transactionTimeOut)
}

/** TRAN_MSG, REAL_TOPIC and REAL_QID stay in the delivered record, as a real broker leaves them. */
function committedMessage(half: MessageExt, commitLogOffset: number): PendingMessage | undefined {
  const { properties } = half
  const topic = properties.get(MessageConst.REAL_TOPIC)
  const queueId = Number(properties.get(MessageConst.REAL_QID))
  if (topic === undefined || !Number.isInteger(queueId) || queueId < 0) return undefined
  return {
    topic,
    queueId,
    flag: half.flag,
    sysFlag: resetTransactionValue(half.sysFlag, SysFlag.TRANSACTION_COMMIT_TYPE),
    body: half.body,
    stored: new StoredProperties(encodeProperties(properties)),
    bornTimestamp: half.bornTimestamp,
    bornHost: half.bornHost,
    storeHost: half.storeHost,
    reconsumeTimes: half.reconsumeTimes,
    preparedTransactionOffset: commitLogOffset
  }
}
