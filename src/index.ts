/**
 * An Apache RocketMQ producer for Node.js.
 *
 * @module
 */
export type { ClientOptions } from './client/client-options.ts'
export type { Credentials, KeyFile } from './client/credentials.ts'
export type { SendResult } from './client/send-result.ts'
export { SendStatus } from './client/send-result.ts'
export type { Activity, ActivityProbe } from './internal/activity.ts'
export type { MaybePromise } from './internal/async.ts'
export type { Clock, Timer } from './internal/clock.ts'
export type { RocketMQErrorOptions, SendAttempt } from './internal/errors.ts'
export {
  MQBrokerException,
  MQClientException,
  RemotingCommandException,
  RemotingConnectException,
  RemotingException,
  RemotingSendRequestException,
  RemotingTimeoutException,
  RemotingTooMuchRequestException,
  RequestTimeoutException,
  RocketMQError
} from './internal/errors.ts'
export type { Logger } from './internal/logger.ts'
export type { AdminOptions, CreateTopicOptions, QueryResult, SearchOffsetOptions } from './producer/admin/admin-options.ts'
export type { CheckForbiddenContext, CheckForbiddenHook } from './producer/check-forbidden-hook.ts'
export type { CommunicationMode } from './producer/communication-mode.ts'
export { DefaultMQProducer } from './producer/default-mq-producer.ts'
export type { EndTransactionContext, EndTransactionHook } from './producer/end-transaction-hook.ts'
export type { MessageType } from './producer/message-type.ts'
export type { RequestMessage } from './producer/message-util.ts'
export { MessageUtil } from './producer/message-util.ts'
export type { MQProducer } from './producer/mq-producer.ts'
export type { ProducerEvents, SendRetry } from './producer/producer-events.ts'
export type { DefaultMQProducerOptions } from './producer/producer-options.ts'
export type { ProducerStats } from './producer/producer-stats.ts'
export type { RequestCallback, RequestOptions } from './producer/request-options.ts'
export {
  selectMessageQueueByHash,
  selectMessageQueueByMachineRoom,
  selectMessageQueueByRandom
} from './producer/selectors.ts'
export type { SendMessageContext, SendMessageHook } from './producer/send-message-context.ts'
export type { SendOperation } from './producer/send-operation.ts'
export type { CallbackExecutor, MessageQueueSelector, SendMessageCallback, SendOptions } from './producer/send-options.ts'
export type { ServiceState } from './producer/service-state.ts'
export { type SplitBatchOptions, splitBatch } from './producer/split-batch.ts'
export type {
  EndTransactionTrace,
  PubTrace,
  RecallTrace,
  SubAfterTrace,
  SubBeforeTrace,
  TraceContext
} from './producer/trace/trace-context.ts'
export { decodeTraceData } from './producer/trace/trace-data-encoder.ts'
export type { TransactionListener, TransactionSendOptions, TransactionSendResult } from './producer/transaction-listener.ts'
export { LocalTransactionState } from './producer/transaction-listener.ts'
export type { TransactionMQProducerOptions } from './producer/transaction-mq-producer.ts'
export { TransactionMQProducer } from './producer/transaction-mq-producer.ts'
export type { CompressionType, Compressor, Compressors } from './protocol/compression.ts'
export type { Lz4Module, WasmZstd, ZstdZlib } from './protocol/compression-adapters.ts'
export { lz4NapiCompressor, nodeZstdCompressor, wasmZstdCompressor } from './protocol/compression-adapters.ts'
export type { ExtFields } from './protocol/ext-fields.ts'
export type { HostAddress } from './protocol/host-address.ts'
export type { LanguageName } from './protocol/language-code.ts'
export type { MessageExt, MessageOptions } from './protocol/message.ts'
export { Message } from './protocol/message.ts'
export { MessageQueue } from './protocol/message-queue.ts'
export type { Properties } from './protocol/properties.ts'
export { RemotingCommand } from './protocol/remoting-command.ts'
export type {
  Network,
  NetworkConnectOptions,
  NetworkListener,
  NetworkListenOptions,
  NetworkSocket,
  TlsClientOptions,
  TlsServerOptions
} from './transport/network.ts'
export type { ConnectionEvents } from './transport/remoting-client.ts'
export type { RPCHook } from './transport/rpc-hook.ts'
export type { SocksProxyConfig } from './transport/socks-network.ts'
export { tcpNetwork } from './transport/tcp-network.ts'
