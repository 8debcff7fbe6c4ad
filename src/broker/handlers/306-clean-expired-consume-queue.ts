import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 306: units of messages that are gone. The store drops them with the messages, so there are none to drop. */
export function cleanExpiredConsumeQueue(): RequestHandler {
  return (request) => RemotingCommand.response(request, ResponseCode.SUCCESS)
}

/** Code 316: forgets the queues of topics that are no topics any more. */
export function cleanUnusedTopic(broker: BrokerServices): RequestHandler {
  return (request) => {
    broker.store.cleanUnusedTopic(new Set(broker.topicConfigManager.topicConfigTable.keys()))
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}

/** Code 329: files that are old enough are deleted now instead of at `deleteWhen`. */
export function deleteExpiredCommitLog(broker: BrokerServices): RequestHandler {
  return (request) => {
    broker.store.executeDeleteFilesManually()
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}
