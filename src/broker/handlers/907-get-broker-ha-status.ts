import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 907: a master's slaves and how far each has come, or what a slave knows of its master. */
export function getBrokerHaStatus(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { haService, store, storeConfig } = broker
    const slave = storeConfig.brokerRole === 'SLAVE'
    const maxOffset = store.getMaxPhyOffset()
    const slaves = slave ? [] : [...haService.slaves()]
    const haConnectionInfo = slaves.map(({ remoteAddr, slaveAckOffset, transferFromWhere }) => {
      const diff = maxOffset - slaveAckOffset
      const inSync = diff <= storeConfig.haSlaveFallbehindMax
      return { addr: remoteAddr, diff, inSync, slaveAckOffset, transferFromWhere, transferredByteInSecond: 0 }
    })
    const body = {
      haClientRuntimeInfo: {
        activated: slave && haService.client?.connected === true,
        lastReadTimestamp: 0,
        lastWriteTimestamp: 0,
        masterAddr: slave ? haService.client?.masterAddress : undefined,
        masterFlushOffset: 0,
        maxOffset: slave ? maxOffset : 0,
        transferredByteInSecond: 0
      },
      haConnectionInfo,
      inSyncSlaveNums: haConnectionInfo.filter(({ inSync }) => inSync).length,
      master: !slave,
      masterCommitLogMaxOffset: slave ? 0 : maxOffset
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify(body)))
  }
}
