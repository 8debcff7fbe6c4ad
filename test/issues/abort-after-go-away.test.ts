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

describe('a request that is given up while it is sent once more after GO_AWAY', () => {
  it('calls nobody back, also when the second answer comes', async () => {
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
      let calls = 0
      const request = RemotingCommand.request(310, emptyExtFields())
      const addr = `127.0.0.1:${server.port}`
      await client.connect(addr, 5000)
      const call = client.invokeCallback(addr, request, 5000, () => calls++)
      await until(() => seen.length === 2)
      expect(call?.cancel()).toBe(true)
      const [second, connection] = seen[1]
      connection.send(RemotingCommand.response(second, 0))
      await nextTurn(20)
      expect(calls).toBe(0)
    } finally {
      await client.close()
      await server.close()
    }
  })
})
