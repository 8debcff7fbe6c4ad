import { RemotingServer } from '../transport/remoting-server.ts'
import { RequestDispatcher } from '../transport/request-dispatcher.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import type { UnansweredRequests } from '../transport/unanswered-requests.ts'
import type { PlainPermissionManager } from './acl/plain-permission-manager.ts'
import type { BrokerControllerOptions } from './broker-controller-options.ts'
import type { BrokerServices } from './broker-services.ts'
import type { BrokerConfigFiles } from './config/broker-config-files.ts'
import { describeRequest } from './describe-request.ts'
import { waitMillisInQueue } from './fast-failure.ts'
import { registerHandlers } from './handlers/handlers.ts'

export interface BrokerServerDeps {
  readonly broker: BrokerServices
  readonly options: BrokerControllerOptions
  readonly unanswered: UnansweredRequests
  /** Undefined where everybody may do everything. */
  readonly acl: PlainPermissionManager | undefined
  /** Undefined of a broker in memory. */
  readonly configFiles: BrokerConfigFiles | undefined
}

/** What answers on one port of a broker. @param fast for the second port, where pulls are not served */
export function newBrokerServer(deps: BrokerServerDeps, port: number, fast: boolean): RemotingServer {
  const { broker, options, unanswered, acl, configFiles } = deps
  const { config, clock, logger } = broker
  const { network = tcpNetwork, faults, journal, tls, host = '127.0.0.1' } = options
  const dispatcher = new RequestDispatcher({
    logger,
    faults,
    describe: (request) => describeRequest(request, config.brokerName),
    queueMillis: (code) => waitMillisInQueue(config, code),
    unanswered
  })
  registerHandlers(dispatcher, broker, acl, configFiles, fast)
  return new RemotingServer({
    network,
    clock,
    logger,
    dispatcher,
    faults,
    faultContext: { server: 'broker', brokerName: config.brokerName },
    journal,
    host,
    port,
    tls,
    maxConnections: config.maxConnectionNum
  })
}
