import { ResponseCode } from '../../protocol/codes.ts'
import { languageName } from '../../protocol/language-code.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 328: the members of every producer group. */
export function getAllProducerInfo(broker: BrokerServices): RequestHandler {
  return (request) => {
    const data: Record<string, unknown> = Object.create(null)
    for (const group of broker.producerManager.groups) {
      data[group] = [...(broker.producerManager.group(group) ?? [])].map((info) => ({
        clientId: info.clientId,
        language: languageName(info.language) ?? 'OTHER',
        lastUpdateTimestamp: info.lastUpdateTimestamp,
        // Java's text of a socket address.
        remoteIP: `/${info.connection.remoteAddr}`,
        version: info.version
      }))
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify({ data })))
  }
}
