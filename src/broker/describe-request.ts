import type { FaultContext } from '../internal/fault-table.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import { hasShortNames } from '../protocol/send-message-header.ts'

/** What faults can match a request by. */
export function describeRequest(request: RemotingCommand, brokerName: string): Partial<FaultContext> {
  const fields = request.extFields
  const short = hasShortNames(request.code)
  const topic = short ? fields['b'] : fields['topic']
  const group = short ? fields['a'] : (fields['producerGroup'] ?? fields['consumerGroup'] ?? fields['group'])
  const queueId = short ? fields['e'] : fields['queueId']
  const context: Partial<FaultContext> = { server: 'broker', brokerName }
  if (topic !== undefined) context.topic = topic
  if (group !== undefined) context.group = group
  if (queueId !== undefined) context.queueId = Number(queueId)
  return context
}
