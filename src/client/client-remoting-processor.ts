import { isPromise } from '../internal/async.ts'
import { type Logger, logText } from '../internal/logger.ts'
import { RequestCode, ResponseCode } from '../protocol/codes.ts'
import { decodeMessage } from '../protocol/message-codec.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import type { Connection } from '../transport/connection.ts'
import type { RemotingClient } from '../transport/remoting-client.ts'
import type { ProducerHandle } from './producer-handle.ts'

/** What a client answers, and how far, as docs/compatibility.md says. */
export const SERVED_BY_CLIENT: ReadonlyArray<readonly [code: number, served: string]> = [
  [RequestCode.CHECK_TRANSACTION_STATE, 'whole'],
  [RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, 'whole'],
  [RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, 'taken, without effect'],
  [RequestCode.RESET_CONSUMER_CLIENT_OFFSET, 'taken, without effect'],
  [RequestCode.GET_CONSUMER_RUNNING_INFO, 'code 1: there are no consumers'],
  [RequestCode.CONSUME_MESSAGE_DIRECTLY, 'code 1: there are no consumers']
]

/**
 * What brokers ask of a client; Java's `ClientRemotingProcessor` for one without consumers. Everything else is answered with
 * "not supported".
 */
export function registerClientProcessors(
  remoting: RemotingClient,
  producers: ReadonlyMap<string, ProducerHandle>,
  logger: Logger
): void {
  remoting.registerProcessor(RequestCode.CHECK_TRANSACTION_STATE, (request, connection) => {
    checkTransactionState(producers, request, connection, logger)
    return undefined
  })
  remoting.registerProcessor(RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, (request, connection) =>
    pushReply(producers, request, connection, logger)
  )
  // For consumers only, oneway: nothing to do, nothing to answer.
  remoting.registerProcessor(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, () => undefined)
  remoting.registerProcessor(RequestCode.RESET_CONSUMER_CLIENT_OFFSET, () => undefined)
  for (const code of [RequestCode.GET_CONSUMER_RUNNING_INFO, RequestCode.CONSUME_MESSAGE_DIRECTLY]) {
    remoting.registerProcessor(code, (request) => {
      const group = request.extFields['consumerGroup'] ?? 'null'
      return RemotingCommand.response(
        request,
        ResponseCode.SYSTEM_ERROR,
        `The Consumer Group <${group}> not exist in this consumer`
      )
    })
  }
}

/** The half message in the body names the producer group that knows what became of its transaction. */
function checkTransactionState(
  producers: ReadonlyMap<string, ProducerHandle>,
  request: RemotingCommand,
  connection: Connection,
  logger: Logger
): void {
  try {
    const group =
      request.body === undefined
        ? undefined
        : decodeMessage(request.body, 0, { readBody: false }).properties.get(MessageConst.PGROUP)
    const producer = group === undefined ? undefined : producers.get(group)
    if (producer?.checkTransactionState === undefined) {
      logger.warn(`transaction check for group ${logText(group ?? '(none)')}: no such transaction producer here`)
      return
    }
    producer.checkTransactionState(connection, request)
  } catch (error) {
    logger.warn(`transaction check from ${connection.remoteAddr} failed: ${logText(error)}`)
  }
}

/** Offered to one producer after the other. Success even if nobody waits for the reply any more: the broker cannot help that. */
async function pushReply(
  producers: ReadonlyMap<string, ProducerHandle>,
  request: RemotingCommand,
  connection: Connection,
  logger: Logger
): Promise<RemotingCommand> {
  for (const producer of producers.values()) {
    const answer = producer.processReply?.(request, connection)
    const taken = isPromise(answer) ? await answer : answer
    if (taken !== undefined) return taken
  }
  for (const producer of producers.values()) producer.replyDropped?.()
  logger.debug(`a reply from ${connection.remoteAddr} was dropped: nobody waits for it (any more)`)
  return RemotingCommand.response(request, ResponseCode.SUCCESS)
}
