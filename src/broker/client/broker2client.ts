import { type Logger, logText } from '../../internal/logger.ts'
import { RequestCode } from '../../protocol/codes.ts'
import { ONEWAY_FLAG, RemotingCommand } from '../../protocol/remoting-command.ts'
import type { Connection } from '../../transport/connection.ts'

/** Requests that a broker makes of its clients; Java's `Broker2Client`. */
export class Broker2Client {
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Code 40, oneway, to every member. */
  notifyConsumerIdsChanged(group: string, members: Iterable<Connection>): void {
    for (const connection of members) {
      const request = RemotingCommand.request(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, { consumerGroup: group })
      request.flag = ONEWAY_FLAG
      if (!connection.sendOneway(request))
        this.#logger.warn(`${connection.remoteAddr} was not told that group ${logText(group)} changed`)
    }
  }
}
