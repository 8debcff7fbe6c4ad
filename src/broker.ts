/**
 * The loopback broker: a RocketMQ name server and brokers in this process, for integration tests and local development.
 *
 * @module
 */
export type { AclOptions, AclPermission, PlainAccount } from './broker/acl/acl-options.ts'
export type { BrokerConfig } from './broker/broker-config.ts'
export type {
  BrokerConsumeMessageContext,
  BrokerConsumeMessageHook,
  BrokerSendMessageContext,
  BrokerSendMessageHook
} from './broker/hooks/broker-hooks.ts'
export { AbortProcessException } from './broker/hooks/broker-hooks.ts'
export type { Activity, ActivityProbe } from './internal/activity.ts'
export type { Clock, Timer } from './internal/clock.ts'
export type { Duration } from './internal/duration.ts'
export type {
  CallFault,
  CloseFault,
  DelayFault,
  DropFault,
  DuplicateFault,
  FailFault,
  Fault,
  FaultAction,
  FaultContext,
  FaultHandle,
  FaultMatch,
  FaultPoint,
  GarbageHeaderFault,
  HalfOpenFault,
  HoldFault,
  OversizedLengthFault,
  QueueFault,
  RespondFault,
  TruncateFault,
  WrongOpaqueFault
} from './internal/fault-table.ts'
export { FaultTable } from './internal/fault-table.ts'
export { HeldClock, type HeldClockOptions } from './internal/held-clock.ts'
export type { BrokerStatistics } from './loopback/broker-statistics.ts'
export type { ConnectedClient, ConnectedConsumer } from './loopback/connected-clients.ts'
export type { LoopbackFaultAction } from './loopback/fault-kinds.ts'
export type { PublishedMessage, PublishResult, Replier } from './loopback/local-client.ts'
export { LoopbackBroker } from './loopback/loopback-broker.ts'
export type { LoopbackFault, LoopbackFaultHandle, LoopbackFaultMatch, LoopbackFaults } from './loopback/loopback-faults.ts'
export type {
  LoopbackBrokerOptions,
  LoopbackClientOptions,
  LoopbackGroupOptions,
  LoopbackTopicOptions
} from './loopback/loopback-options.ts'
export type { RecordedFrame, RecordedRequest, RequestFilter } from './loopback/recorded-requests.ts'
export type { MessageFilter, StoredMessage } from './loopback/stored-messages.ts'
export type { NamesrvConfig } from './nameserver/namesrv-config.ts'
export type { BrokerRole, FlushDiskType, MessageStoreConfig } from './store/message-store-config.ts'
export { MemoryNetwork } from './transport/memory-network.ts'
export type { Network, NetworkListener, NetworkListenOptions, NetworkSocket, TlsServerOptions } from './transport/network.ts'
export type { TransportStats } from './transport/transport-stats.ts'
