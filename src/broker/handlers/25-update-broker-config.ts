import { ResponseCode } from '../../protocol/codes.ts'
import { encodeKVTable } from '../../protocol/kv-table.ts'
import { CURRENT_VERSION, RemotingCommand } from '../../protocol/remoting-command.ts'
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

/** Code 28: figures that tools show, all as text. */
export function getBrokerRuntimeInfo(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { brokerPut, brokerGet } = broker.brokerStatsManager
    const table = broker.store.runtimeInfo()
    const figures: Record<string, string> = {
      brokerActive: 'true',
      brokerVersion: String(CURRENT_VERSION),
      brokerVersionDesc: 'V5_3_3',
      msgPutTotalTodayNow: String(brokerPut.value),
      msgGetTotalTodayNow: String(brokerGet.value),
      msgPutTotalTodayMorning: '0',
      msgGetTotalTodayMorning: '0',
      msgPutTotalYesterdayMorning: '0',
      msgGetTotalYesterdayMorning: '0',
      sendThreadPoolQueueSize: '0',
      pullThreadPoolQueueSize: '0',
      sendThreadPoolQueueHeadWaitTimeMills: '0',
      pullThreadPoolQueueHeadWaitTimeMills: '0',
      startAcceptSendRequestTimeStamp: String(broker.config.startAcceptSendRequestTimeStamp),
      timerReadBehind: '0',
      timerOffsetBehind: '0',
      timerCongestNum: '0',
      timerEnqueueTps: '0.0',
      timerDequeueTps: '0.0'
    }
    for (const [name, value] of Object.entries(figures)) table.set(name, value)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, encodeKVTable(table))
  }
}
