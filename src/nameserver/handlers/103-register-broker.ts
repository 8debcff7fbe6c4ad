import { crc32 } from '../../protocol/crc32.ts'
import { booleanField, optionalInt, optionalLong, requiredLong, requiredText } from '../../protocol/header-fields.ts'
import { encodeKVTable } from '../../protocol/kv-table.ts'
import { decodeRegisterBrokerBody, type RegisterBrokerBody } from '../../protocol/register-broker-body.ts'
import { emptyExtFields, type RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success, systemError } from '../handler-context.ts'
import { ORDER_TOPIC_CONFIG } from '../kv-config-manager.ts'

const NOTHING = new Uint8Array(0)

/**
 * REGISTER_BROKER: header `brokerName`, `brokerAddr`, `clusterName`, `haServerAddr`, `brokerId`, `compressed`, `bodyCrc32` (0 = not
 * checked), body the broker's topics. A slave is answered with its master's addresses; the body is the order configuration.
 */
export function registerBroker({ routes, kvConfig, config }: HandlerContext): RequestHandler {
  return (request, connection) => {
    const fields = request.extFields
    const brokerId = requiredLong(fields, 'brokerId')
    const crc = optionalInt(fields, 'bodyCrc32') ?? 0
    if (crc !== 0 && crc !== crc32(request.body ?? NOTHING)) return systemError(request, 'crc32 not match')
    const { topicConfigSerializeWrapper, filterServerList } = bodyOf(request)
    const result = routes.registerBroker({
      clusterName: requiredText(fields, 'clusterName'),
      brokerAddr: requiredText(fields, 'brokerAddr'),
      brokerName: requiredText(fields, 'brokerName'),
      brokerId,
      haServerAddr: fields['haServerAddr'] ?? '',
      zoneName: fields['__ZONE_NAME'],
      heartbeatTimeoutMillis: optionalLong(fields, 'heartbeatTimeoutMillis'),
      enableActingMaster: fields['enableActingMaster'] === undefined ? undefined : booleanField(fields, 'enableActingMaster'),
      topicConfig: topicConfigSerializeWrapper,
      filterServerList,
      connection
    })
    if (result === undefined) return systemError(request, 'register broker failed')
    const answer = emptyExtFields()
    if (result.haServerAddr !== undefined) answer['haServerAddr'] = result.haServerAddr
    if (result.masterAddr !== undefined) answer['masterAddr'] = result.masterAddr
    const order = config.returnOrderTopicConfigToBroker ? kvConfig.list(ORDER_TOPIC_CONFIG) : undefined
    return success(request, order === undefined ? undefined : encodeKVTable(order), answer)
  }
}

/** A registration without a body only says that the broker is there. */
function bodyOf(request: RemotingCommand): RegisterBrokerBody {
  if (request.body !== undefined) {
    return decodeRegisterBrokerBody(request.body, booleanField(request.extFields, 'compressed'), request.version)
  }
  const dataVersion = { stateVersion: 0, timestamp: 0, counter: 0 }
  return { topicConfigSerializeWrapper: { topicConfigTable: new Map(), dataVersion }, filterServerList: [] }
}
