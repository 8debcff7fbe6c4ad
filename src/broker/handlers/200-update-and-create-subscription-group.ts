import { RemotingCommandException } from '../../internal/errors.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { type FastjsonValue, isObject, parseRequestObject } from '../../protocol/fastjson.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { groupRetryPolicyOf } from '../client/group-retry-policy.ts'
import { newSubscriptionGroupConfig, type SubscriptionGroupConfig } from '../client/subscription-group-manager.ts'
import { isLegalGroup } from '../names.ts'
import { alterGroupAttributes } from '../topic/topic-attributes.ts'

const MAX_RETRY_QUEUES = 1024

/** Code 200: creates a consumer group or replaces its settings; what is not given gets its default. */
export function updateAndCreateSubscriptionGroup(broker: BrokerServices): RequestHandler {
  return (request) => {
    if (request.body === undefined) throw new RemotingCommandException('the request has no body', { code: 'BAD_BODY' })
    const given = parseRequestObject(request.body, 'the consumer group')
    const groupName = given['groupName']
    if (typeof groupName !== 'string' || !isLegalGroup(groupName)) {
      throw new RemotingCommandException('groupName is missing or not a legal name', { code: 'BAD_FIELD' })
    }
    const existing = broker.subscriptionGroupManager.table.get(groupName)
    const attributes = alteredAttributes(existing, given['attributes'])
    if (typeof attributes === 'string') return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, attributes)
    const config = newSubscriptionGroupConfig(groupName)
    for (const name of Object.keys(config) as Array<keyof SubscriptionGroupConfig>) {
      const value = given[name]
      // Only what has the type of the default: the rest keeps it.
      if (typeof value === typeof config[name] && typeof value !== 'object')
        (config as unknown as Record<string, unknown>)[name] = value
    }
    config.attributes = Object.fromEntries(attributes)
    config.groupRetryPolicy = groupRetryPolicyOf(given['groupRetryPolicy'])
    config.retryQueueNums = Math.max(0, Math.min(config.retryQueueNums, MAX_RETRY_QUEUES))
    broker.subscriptionGroupManager.update(config)
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}

/** What the attributes of a group are after a change such as `{"+name": "value"}`, or what is wrong with the change. */
function alteredAttributes(
  existing: SubscriptionGroupConfig | undefined,
  change: FastjsonValue | undefined
): Map<string, string> | string {
  const changes = isObject(change) ? Object.entries(change).map(([name, value]) => [name, String(value)] as const) : []
  return alterGroupAttributes(existing && new Map(Object.entries(existing.attributes)), new Map(changes))
}

/** Code 201: every consumer group with its settings. */
export function getAllSubscriptionGroupConfig(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { dataVersion, table } = broker.subscriptionGroupManager
    const body = { dataVersion, forbiddenTable: {}, subscriptionGroupTable: Object.fromEntries(table) }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify(body)))
  }
}

/** Code 352: one group; created on the fly where that is allowed. */
export function getSubscriptionGroupConfig(broker: BrokerServices): RequestHandler {
  return (request) => {
    const config = broker.subscriptionGroupManager.findSubscriptionGroupConfig(requiredText(request.extFields, 'group'))
    if (config === undefined) {
      return RemotingCommand.response(request, ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, 'No group in this broker')
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify(config)))
  }
}
