import { checkOption, type Rule, wholeNumber } from '../../client/check-options.ts'
import type { MQClientInstance } from '../../client/mq-client-instance.ts'

/** What the three settings may be, as in Java. */
export const BATCH_MAX_DELAY_MS: Rule = wholeNumber(1, 30_000)
export const BATCH_MAX_BYTES: Rule = wholeNumber(1, 2 * 1024 * 1024)
export const TOTAL_BATCH_MAX_BYTES: Rule = wholeNumber(1)

/** The settings an application may give; absent ones stay as they are. */
export interface AccumulatorSettings {
  readonly batchMaxDelayMs?: number | undefined
  readonly batchMaxBytes?: number | undefined
  readonly totalBatchMaxBytes?: number | undefined
}

/**
 * Limits of automatic batches, and the bytes they hold. The producers of one client share them, as they share a `ProduceAccumulator` in
 * Java; their messages are never mixed: each is sent by the producer it was given to.
 */
export class AccumulatorLimits {
  #batchMaxDelayMs = 10
  #batchMaxBytes = 32 * 1024
  #totalBatchMaxBytes = 32 * 1024 * 1024
  /** Bytes of messages that wait in batches or travel in one. */
  heldBytes = 0

  /** Ms the first message of a batch waits for others. */
  get batchMaxDelayMs(): number {
    return this.#batchMaxDelayMs
  }

  /** A batch of this many bytes leaves at once. */
  get batchMaxBytes(): number {
    return this.#batchMaxBytes
  }

  /** Most bytes held in all; beyond them messages are sent alone. */
  get totalBatchMaxBytes(): number {
    return this.#totalBatchMaxBytes
  }

  /** @throws MQClientException naming a setting that is out of range. */
  apply(settings: AccumulatorSettings): void {
    checkSettings(settings)
    this.#batchMaxDelayMs = settings.batchMaxDelayMs ?? this.#batchMaxDelayMs
    this.#batchMaxBytes = settings.batchMaxBytes ?? this.#batchMaxBytes
    this.#totalBatchMaxBytes = settings.totalBatchMaxBytes ?? this.#totalBatchMaxBytes
  }
}

/** @throws MQClientException naming a setting that is out of range. */
export function checkSettings({ batchMaxDelayMs, batchMaxBytes, totalBatchMaxBytes }: AccumulatorSettings): void {
  if (batchMaxDelayMs !== undefined) checkOption('batchMaxDelayMs', batchMaxDelayMs, BATCH_MAX_DELAY_MS)
  if (batchMaxBytes !== undefined) checkOption('batchMaxBytes', batchMaxBytes, BATCH_MAX_BYTES)
  if (totalBatchMaxBytes !== undefined) checkOption('totalBatchMaxBytes', totalBatchMaxBytes, TOTAL_BATCH_MAX_BYTES)
}

const limits = new WeakMap<MQClientInstance, AccumulatorLimits>()

/** The limits that the producers of this client share. */
export function accumulatorLimits(instance: MQClientInstance): AccumulatorLimits {
  let shared = limits.get(instance)
  if (shared === undefined) {
    shared = new AccumulatorLimits()
    limits.set(instance, shared)
  }
  return shared
}
