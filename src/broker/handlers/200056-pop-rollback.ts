import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'

/** Code 200056: pops that are kept in RocksDB are to be kept in files again; as where 5.3.3 keeps none there. */
export function popRollback(): RequestHandler {
  return (request) => RemotingCommand.response(request, ResponseCode.SUCCESS)
}
