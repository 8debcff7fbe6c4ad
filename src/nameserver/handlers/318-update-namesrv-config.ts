import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'

/** UPDATE_NAMESRV_CONFIG: refused. Nobody changes the settings of this process over the network. */
export function updateNamesrvConfig(): RequestHandler {
  return (request) =>
    RemotingCommand.response(request, ResponseCode.NO_PERMISSION, 'the configuration can not be changed over the network')
}
