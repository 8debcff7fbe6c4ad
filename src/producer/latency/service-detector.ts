import type { MQClientInstance } from '../../client/mq-client-instance.ts'
import { brokerVIPChannel } from '../../client/vip-channel.ts'
import { RequestCode } from '../../protocol/codes.ts'
import { emptyExtFields, RemotingCommand } from '../../protocol/remoting-command.ts'
import type { PublishTopics } from '../publish-topic.ts'
import type { FaultDetection } from './latency-fault-tolerance.ts'

/**
 * Asks a broker for the end of a queue (30), as Java's `ServiceDetector` does. Any answer will do, an error too: it is there.
 * @param vipChannelEnabled the port that sends go to is the one that is asked.
 */
export function serviceDetection(instance: MQClientInstance, topics: PublishTopics, vipChannelEnabled: boolean): FaultDetection {
  return {
    resolve: (brokerName) => instance.findBrokerAddressInPublish(brokerName),
    async detect(addr, timeoutMillis) {
      const fields = emptyExtFields()
      fields['topic'] = firstOf(topics.names()) ?? ''
      fields['queueId'] = '0'
      try {
        const request = RemotingCommand.request(RequestCode.GET_MAX_OFFSET, fields)
        await instance.remoting.invoke(brokerVIPChannel(vipChannelEnabled, addr), request, timeoutMillis)
        return true
      } catch {
        return false
      }
    }
  }
}

function firstOf(names: Iterable<string>): string | undefined {
  for (const name of names) return name
  return undefined
}
