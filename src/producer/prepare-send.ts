import { isPromise } from '../internal/async.ts'
import { tracked } from '../internal/clock.ts'
import { RocketMQError } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { compressBody, compressionFlag } from '../protocol/compression.ts'
import { SysFlag } from '../protocol/sys-flag.ts'
import { isPrepared } from './message-type.ts'
import type { SendCall } from './send-call.ts'

/**
 * What a call needs before its first attempt: compression and a route. Undefined when it can go at once, which is the ordinary case;
 * else a promise that rejects when it cannot go at all.
 */
export function prepareSend(call: SendCall): Promise<unknown> | undefined {
  const compressing = compress(call)
  const routing = hasRoute(call) ? undefined : findRoute(call)
  if (compressing === undefined) return routing
  return routing === undefined ? compressing : Promise.all([compressing, routing])
}

/** Compresses the body once for all attempts, and sets the bits that go with it. A batch is never compressed: brokers read into it. */
function compress(call: SendCall): Promise<void> | undefined {
  const { message, context } = call
  const { compressMsgBodyOverHowmuch, compressType, compressLevel, compressors } = context.config
  if (isPrepared(message.properties)) call.sysFlag |= SysFlag.TRANSACTION_PREPARED_TYPE
  if (call.batch || message.body.length < compressMsgBodyOverHowmuch) return undefined
  const use = (compressed: Buffer): void => {
    message.body = compressed
    call.sysFlag |= SysFlag.COMPRESSED | compressionFlag(compressType)
  }
  try {
    const compressed = compressBody(message.body, compressType, { level: compressLevel, compressors })
    if (isPromise(compressed)) {
      // A codec of the application's may wait for whatever it likes.
      const ours = compressType === 'ZLIB' ? tracked(context.clock, compressed, 'compressing a body') : compressed
      return ours.then(use).catch((error: unknown) => sendUncompressed(call, error))
    }
    use(compressed)
  } catch (error) {
    sendUncompressed(call, error)
  }
  return undefined
}

/** As in Java, a body that cannot be compressed is sent as it is; a codec that was never set up is a mistake to be told. */
function sendUncompressed(call: SendCall, error: unknown): void {
  if (error instanceof RocketMQError) throw error
  call.context.logger.warn(`a body of ${call.message.body.length} bytes could not be compressed: ${logText(error)}`)
}

function hasRoute(call: SendCall): boolean {
  const { instance } = call.context
  if (call.queue !== undefined) return instance.findBrokerAddressInPublish(call.queue.brokerName) !== undefined
  return instance.publishInfo(call.topic.name) !== undefined
}

async function findRoute(call: SendCall): Promise<void> {
  const { config, instance } = call.context
  const { createTopicKey, defaultTopicQueueNums } = config
  await instance.tryToFindTopicPublishInfo(call.topic.name, {
    createTopicKey,
    defaultTopicQueueNums,
    timeoutMillis: call.remaining()
  })
}
