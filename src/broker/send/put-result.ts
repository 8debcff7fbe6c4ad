import { ResponseCode } from '../../protocol/codes.ts'
import type { PutMessageResult } from '../../store/types.ts'
import { Refusal } from './message-check.ts'

/** The code of an answer whose message is in the log; undefined for every other status. */
export function acceptedCode(status: PutMessageResult['status']): number | undefined {
  switch (status) {
    case 'PUT_OK':
      return ResponseCode.SUCCESS
    case 'FLUSH_DISK_TIMEOUT':
      return ResponseCode.FLUSH_DISK_TIMEOUT
    case 'FLUSH_SLAVE_TIMEOUT':
      return ResponseCode.FLUSH_SLAVE_TIMEOUT
    case 'SLAVE_NOT_AVAILABLE':
      return ResponseCode.SLAVE_NOT_AVAILABLE
    default:
      return undefined
  }
}

/** Code and remark of a put that failed; Java's `handlePutMessageResult`. */
export function putRefusal(result: PutMessageResult, maxMessageSize: number): Refusal {
  switch (result.status) {
    case 'IN_SYNC_REPLICAS_NOT_ENOUGH':
      return new Refusal(ResponseCode.SYSTEM_ERROR, 'in-sync replicas not enough')
    case 'CREATE_MAPPED_FILE_FAILED':
      return new Refusal(ResponseCode.SYSTEM_ERROR, 'create mapped file failed, server is busy or broken.')
    case 'MESSAGE_ILLEGAL':
    case 'PROPERTIES_SIZE_EXCEEDED':
      return new Refusal(
        ResponseCode.MESSAGE_ILLEGAL,
        'the message is illegal, maybe msg body or properties length not matched. ' +
          `msg body length limit ${maxMessageSize}B, msg properties length limit 32KB.`
      )
    case 'WHEEL_TIMER_MSG_ILLEGAL':
      return new Refusal(ResponseCode.MESSAGE_ILLEGAL, result.remark ?? result.status)
    case 'SERVICE_NOT_AVAILABLE':
      return new Refusal(
        ResponseCode.SERVICE_NOT_AVAILABLE,
        'service not available now. It may be caused by one of the following reasons: ' +
          `the broker's disk is full [${result.remark ?? ''}], messages are put to the slave, message store has been shut down, etc.`
      )
    case 'OS_PAGE_CACHE_BUSY':
      return new Refusal(ResponseCode.SYSTEM_BUSY, '[PC_SYNCHRONIZED]broker busy, start flow control for a while')
    default:
      return new Refusal(ResponseCode.SYSTEM_ERROR, result.remark ?? 'UNKNOWN_ERROR')
  }
}
