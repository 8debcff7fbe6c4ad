import { channel, tracingChannel } from 'node:diagnostics_channel'

/**
 * The channels of `node:diagnostics_channel` that this package publishes on; nothing is built for a channel nobody listens to.
 *
 * | channel | kind | what is published |
 * | --- | --- | --- |
 * | `rocketmq:producer:send` | tracing | `SendOperation`: a call of send, from the call to its outcome |
 * | `rocketmq:producer:start`, `rocketmq:producer:shutdown` | tracing | `{ producer, namesrvAddr, network }`, as they were given |
 * | `rocketmq:client:connected`, `rocketmq:client:disconnected` | plain | `{ clientId, addr, error? }` |
 */
export const sendChannel = tracingChannel('rocketmq:producer:send')
export const startChannel = tracingChannel('rocketmq:producer:start')
export const shutdownChannel = tracingChannel('rocketmq:producer:shutdown')
export const connectedChannel = channel('rocketmq:client:connected')
export const disconnectedChannel = channel('rocketmq:client:disconnected')
