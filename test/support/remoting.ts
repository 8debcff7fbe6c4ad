import type { Clock } from '../../src/internal/clock.ts'
import { realClock } from '../../src/internal/clock.ts'
import type { FaultTable } from '../../src/internal/fault-table.ts'
import type { Logger } from '../../src/internal/logger.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { Network } from '../../src/transport/network.ts'
import type { RemotingClientOptions } from '../../src/transport/remoting-client.ts'
import { RemotingClient } from '../../src/transport/remoting-client.ts'
import type { RemotingServerOptions } from '../../src/transport/remoting-server.ts'
import { RemotingServer } from '../../src/transport/remoting-server.ts'
import { RequestDispatcher } from '../../src/transport/request-dispatcher.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'

/** A logger that keeps its lines. */
export class LinesLogger implements Logger {
  readonly lines: string[] = []
  debug(message: string): void {
    this.lines.push(`debug ${message}`)
  }
  info(message: string): void {
    this.lines.push(`info ${message}`)
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`)
  }
  error(message: string): void {
    this.lines.push(`error ${message}`)
  }
}

/** Code of a request that {@link echoServer} answers with its own fields and body. */
export const ECHO = 7

export interface TestServer {
  server: RemotingServer
  dispatcher: RequestDispatcher
  logger: LinesLogger
  addr: string
}

/** A remoting server that echoes {@link ECHO}; more handlers may be registered. */
export async function echoServer(
  options: Partial<RemotingServerOptions> & { clock?: Clock; network?: Network; faults?: FaultTable } = {}
): Promise<TestServer> {
  const logger = new LinesLogger()
  const dispatcher = options.dispatcher ?? new RequestDispatcher({ logger, faults: options.faults })
  dispatcher.register(ECHO, (request) => RemotingCommand.response(request, 0, undefined, request.extFields, request.body))
  const server = new RemotingServer({ network: tcpNetwork, clock: realClock, logger, ...options, dispatcher })
  await server.start()
  const host = server.host.includes(':') ? `[${server.host}]` : server.host
  return { server, dispatcher, logger, addr: `${host}:${server.port}` }
}

export function remotingClient(options: Partial<RemotingClientOptions> = {}): { client: RemotingClient; logger: LinesLogger } {
  const logger = new LinesLogger()
  return { client: new RemotingClient({ network: tcpNetwork, clock: realClock, logger, ...options }), logger }
}

/** A request of code {@link ECHO} with the field `n`. */
export function echo(n: number | string = 0, body?: Buffer): RemotingCommand {
  return RemotingCommand.request(ECHO, { n: String(n) }, body)
}
