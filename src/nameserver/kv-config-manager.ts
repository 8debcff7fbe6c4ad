/** Namespace of the order configuration: topic to `broker:queues;broker:queues`. */
export const ORDER_TOPIC_CONFIG = 'ORDER_TOPIC_CONFIG'

/** Settings by namespace and key, in memory; Java's `KVConfigManager` without its file. */
export class KVConfigManager {
  readonly #table = new Map<string, Map<string, string>>()

  /** An absent value removes the key; the namespace exists from then on either way. */
  put(namespace: string, key: string, value: string | undefined): void {
    let values = this.#table.get(namespace)
    if (values === undefined) {
      values = new Map()
      this.#table.set(namespace, values)
    }
    if (value === undefined) values.delete(key)
    else values.set(key, value)
  }

  get(namespace: string, key: string): string | undefined {
    return this.#table.get(namespace)?.get(key)
  }

  delete(namespace: string, key: string): void {
    this.#table.get(namespace)?.delete(key)
  }

  /** Undefined when the namespace does not exist. */
  list(namespace: string): ReadonlyMap<string, string> | undefined {
    return this.#table.get(namespace)
  }
}
