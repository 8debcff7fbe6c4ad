/**
 * The loopback broker: a RocketMQ name server and brokers in this process, for integration tests and local development.
 *
 * @module
 */
export type { AclOptions, AclPermission, PlainAccount } from './broker/acl/acl-options.ts'
export type { BrokerConfig } from './broker/broker-config.ts'
export type { Clock, Timer } from './internal/clock.ts'
export type {
  CloseFault,
  DelayFault,
  DropFault,
  FailFault,
  Fault,
  FaultAction,
  FaultHandle,
  FaultMatch,
  FaultPoint,
  HoldFault,
  RespondFault,
  TruncateFault
} from './internal/fault-table.ts'
export { FaultTable } from './internal/fault-table.ts'
export { HeldClock } from './internal/held-clock.ts'
export { LoopbackBroker } from './loopback/loopback-broker.ts'
export type {
  LoopbackBrokerOptions,
  LoopbackClientOptions,
  LoopbackGroupOptions,
  LoopbackTopicOptions
} from './loopback/loopback-options.ts'
export type { StoredMessage } from './loopback/stored-messages.ts'
export type { NamesrvConfig } from './nameserver/namesrv-config.ts'
export type { BrokerRole, FlushDiskType, MessageStoreConfig } from './store/message-store-config.ts'
export { MemoryNetwork } from './transport/memory-network.ts'
export type { Network, NetworkListener, NetworkSocket, TlsServerOptions } from './transport/network.ts'
