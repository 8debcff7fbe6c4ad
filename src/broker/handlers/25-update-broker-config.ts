import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 25: whoever can connect could reconfigure the broker, so it is refused. */
export function updateBrokerConfig(): RequestHandler {
  return (request) =>
    RemotingCommand.response(
      request,
      ResponseCode.NO_PERMISSION,
      'this broker does not change its configuration over the wire: give settings when it starts'
    )
}

/** Code 26: the settings as `name=value` lines. */
export function getBrokerConfig(broker: BrokerServices): RequestHandler {
  return (request) => {
    let text = ''
    for (const [name, value] of Object.entries({ ...broker.config, ...broker.storeConfig })) text += `${name}=${String(value)}\n`
    const version = JSON.stringify({ counter: 0, stateVersion: 0, timestamp: broker.topicConfigManager.dataVersion.timestamp })
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, { version }, Buffer.from(text))
  }
}
