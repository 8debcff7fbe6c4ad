import type { MaybePromise } from '../internal/async.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { Connection } from '../transport/connection.ts'

/** What a client instance knows of a producer. */
export interface ProducerHandle {
  readonly producerGroup: string
  /** Topics whose routes are kept fresh. */
  publishTopics(): Iterable<string>
  /** CHECK_TRANSACTION_STATE of a message of this group; never answered. */
  checkTransactionState?(connection: Connection, request: RemotingCommand): void
  /** PUSH_REPLY_MESSAGE_TO_CLIENT; undefined when the reply is not for this producer. */
  processReply?(request: RemotingCommand, connection: Connection): MaybePromise<RemotingCommand | undefined>
  /** A reply came that no producer of this client took. */
  replyDropped?(): void
}
