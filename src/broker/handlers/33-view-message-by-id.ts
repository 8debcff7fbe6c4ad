import { ResponseCode } from '../../protocol/codes.ts'
import { requiredLong } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 33: one message by its commit log offset, which the offset message id holds. */
export function viewMessageById(broker: BrokerServices): RequestHandler {
  return (request) => {
    const offset = requiredLong(request.extFields, 'offset')
    const record = broker.store.lookMessageByOffset(offset)
    if (record === undefined) {
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, `can not find message by the offset, ${offset}`)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, record)
  }
}
