import { sendChannel } from '../internal/diagnostics.ts'
import { logText } from '../internal/logger.ts'
import type { MQProducer } from '../producer/mq-producer.ts'
import type { SendOperation } from '../producer/send-operation.ts'

/** The producers that can be instrumented: `DefaultMQProducer` and what extends it. */
export interface InstrumentedProducer extends MQProducer {
  /** Tells when the producer has stopped. */
  readonly events: {
    /** Of eventemitter3. */
    once(event: 'stopped', listener: () => void): unknown
    /** Of eventemitter3. */
    off(event: 'stopped', listener: () => void): unknown
  }
}

/** Calls the two functions for each send of one producer, until it is shut down or the returned function is called. */
export function observeSends(
  producer: InstrumentedProducer,
  started: (operation: SendOperation) => void,
  settled: (operation: SendOperation) => void
): () => void {
  // What an instrument throws would end the process, as Node has it for subscribers.
  const own = (react: (operation: SendOperation) => void) => (message: unknown) => {
    const operation = message as SendOperation
    if (operation.producer !== producer) return
    try {
      react(operation)
    } catch (error) {
      process.emitWarning(logText(error), 'RocketMQInstrumentationWarning')
    }
  }
  const onStart = own(started)
  const onSettled = own(settled)
  sendChannel.start.subscribe(onStart)
  sendChannel.asyncStart.subscribe(onSettled)
  const stop = (): void => {
    sendChannel.start.unsubscribe(onStart)
    sendChannel.asyncStart.unsubscribe(onSettled)
    producer.events.off('stopped', stop)
  }
  producer.events.once('stopped', stop)
  return stop
}
