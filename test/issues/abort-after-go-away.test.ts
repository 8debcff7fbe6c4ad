import { describe, expect, it } from 'vitest'
import { realClock } from '../../src/internal/clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { emptyExtFields, RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { Connection } from '../../src/transport/connection.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { RemotingClient } from '../../src/transport/remoting-client.ts'
import { RemotingServer } from '../../src/transport/remoting-server.ts'
import { RequestDispatcher } from '../../src/transport/request-dispatcher.ts'
import { nextTurn, until } from '../support/turns.ts'

describe('a request that is aborted while it is sent once more after GO_AWAY', () => {
  it('calls back once, also when the second answer comes', async () => {
    const network = new MemoryNetwork()
    const common = { network, clock: realClock, logger: silentLogger }
    const dispatcher = new RequestDispatcher({ logger: silentLogger })
    const seen: Array<[RemotingCommand, Connection]> = []
    dispatcher.register(310, (request, connection) => {
      seen.push([request, connection])
      return seen.length === 1 ? RemotingCommand.response(request, 1500) : undefined
    })
    const server = new RemotingServer({ ...common, dispatcher })
    await server.start()
    const client = new RemotingClient(common)
    try {
      const controller = new AbortController()
      const calls: Array<string | undefined> = []
      const request = RemotingCommand.request(310, emptyExtFields())
      const count = (error: { code?: string | undefined } | undefined): void => void calls.push(error?.code)
      client.invokeCallback(`127.0.0.1:${server.port}`, request, 5000, count, controller.signal)
      await until(() => seen.length === 2)
      controller.abort()
      expect(calls).toEqual(['ABORTED'])
      const [second, connection] = seen[1]
      connection.send(RemotingCommand.response(second, 0))
      await nextTurn(20)
      expect(calls).toEqual(['ABORTED'])
    } finally {
      await client.close()
      await server.close()
    }
  })
})
