import type { MQClientInstance } from '../client/mq-client-instance.ts'
import { connectedChannel, disconnectedChannel } from '../internal/diagnostics.ts'
import type { GuardedEmitter } from '../internal/guarded-emitter.ts'
import type { ProducerEvents } from './producer-events.ts'

/** Tells events and channels of a client's connections. @returns how to stop it. */
export function tellConnections(
  { remoting, clientId }: MQClientInstance,
  events: GuardedEmitter<ProducerEvents>
): Array<() => void> {
  return [
    remoting.on('connected', (addr) => {
      events.emit('connected', addr)
      if (connectedChannel.hasSubscribers) connectedChannel.publish({ clientId, addr })
    }),
    remoting.on('disconnected', (addr, error) => {
      events.emit('disconnected', addr, error)
      if (disconnectedChannel.hasSubscribers) disconnectedChannel.publish({ clientId, addr, error })
    })
  ]
}
