import { ResponseCode } from '../../protocol/codes.ts'
import { encodeKVTable } from '../../protocol/kv-table.ts'
import { CURRENT_VERSION, RemotingCommand } from '../../protocol/remoting-command.ts'
import { SCHEDULE_TOPIC } from '../../protocol/topics.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Java's executors by the names of their figures, and what each of its queues holds by default. There are no such queues here. */
const QUEUE_CAPACITIES = { send: 10_000, pull: 100_000, litePull: 100_000, query: 20_000, ack: 100_000 } as const
const END_TRANSACTION_QUEUE_CAPACITY = 100_000

/** Code 28: figures that tools show, all as text. */
export function getBrokerRuntimeInfo(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { brokerStatsManager, config, store } = broker
    const { mornings } = brokerStatsManager
    const table = store.runtimeInfo()
    const figures: Record<string, string> = {
      brokerActive: 'true',
      brokerVersion: String(CURRENT_VERSION),
      brokerVersionDesc: 'V5_3_3',
      msgPutTotalTodayNow: String(brokerStatsManager.userPutNums),
      msgGetTotalTodayNow: String(brokerStatsManager.userGetNums),
      msgPutTotalTodayMorning: String(mornings.putToday),
      msgGetTotalTodayMorning: String(mornings.getToday),
      msgPutTotalYesterdayMorning: String(mornings.putYesterday),
      msgGetTotalYesterdayMorning: String(mornings.getYesterday),
      EndTransactionQueueSize: '0',
      EndTransactionThreadPoolQueueCapacity: String(END_TRANSACTION_QUEUE_CAPACITY),
      // Java's answer without a pool of buffers: no bound.
      remainTransientStoreBufferNumbs: String(2 ** 31 - 1),
      startAcceptSendRequestTimeStamp: String(config.startAcceptSendRequestTimeStamp),
      timerReadBehind: '0',
      timerOffsetBehind: '0',
      timerCongestNum: '0',
      timerEnqueueTps: '0.0',
      timerDequeueTps: '0.0'
    }
    for (const [name, capacity] of Object.entries(QUEUE_CAPACITIES)) {
      figures[`${name}ThreadPoolQueueSize`] = '0'
      figures[`${name}ThreadPoolQueueCapacity`] = String(capacity)
      figures[`${name}ThreadPoolQueueHeadWaitTimeMills`] = '0'
    }
    for (const [level, offset] of broker.delayOffsets) {
      figures[`scheduleMessageOffset_${level}`] = `${offset},${store.getMaxOffsetInQueue(SCHEDULE_TOPIC, level - 1)}`
    }
    for (const [name, value] of Object.entries(figures)) table.set(name, value)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, encodeKVTable(table))
  }
}
