import { ResponseCode } from '../../protocol/codes.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 315: what one counter was over the last minute, hour and day. */
export function viewBrokerStatsData(broker: BrokerServices): RequestHandler {
  return (request) => {
    const statsName = requiredText(request.extFields, 'statsName')
    const statsKey = requiredText(request.extFields, 'statsKey')
    const item = broker.brokerStatsManager.get(statsName, statsKey)
    if (item === undefined) {
      const remark = `The stats <${statsName}> <${statsKey}> not exist`
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, remark)
    }
    const body = { statsDay: item.snapshot('day'), statsHour: item.snapshot('hour'), statsMinute: item.snapshot('minute') }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify(body)))
  }
}
