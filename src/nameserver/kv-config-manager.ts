import { quotaExceeded } from '../transport/request-refused.ts'

/** Namespace of the order configuration: topic to `broker:queues;broker:queues`. */
export const ORDER_TOPIC_CONFIG = 'ORDER_TOPIC_CONFIG'

/** Settings by namespace and key, in memory; Java's `KVConfigManager` without its file. */
export class KVConfigManager {
  readonly #table = new Map<string, Map<string, string>>()
  readonly #maxKvConfigNum: number
  /** Keys and namespaces. */
  #size = 0

  constructor(maxKvConfigNum: number) {
    this.#maxKvConfigNum = maxKvConfigNum
  }

  /** An absent value removes the key; the namespace exists from then on either way. @throws RequestRefused when the table is full. */
  put(namespace: string, key: string, value: string | undefined): void {
    let values = this.#table.get(namespace)
    const more = (values === undefined ? 1 : 0) + (value !== undefined && values?.has(key) !== true ? 1 : 0)
    if (more > 0 && this.#size + more > this.#maxKvConfigNum)
      throw quotaExceeded('the key', 'maxKvConfigNum', this.#maxKvConfigNum)
    this.#size += more
    if (values === undefined) {
      values = new Map()
      this.#table.set(namespace, values)
    }
    if (value === undefined) this.delete(namespace, key)
    else values.set(key, value)
  }

  get(namespace: string, key: string): string | undefined {
    return this.#table.get(namespace)?.get(key)
  }

  delete(namespace: string, key: string): void {
    if (this.#table.get(namespace)?.delete(key) === true) this.#size--
  }

  /** Undefined when the namespace does not exist. */
  list(namespace: string): ReadonlyMap<string, string> | undefined {
    return this.#table.get(namespace)
  }
}
