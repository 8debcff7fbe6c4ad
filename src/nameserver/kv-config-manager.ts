import { quotaExceeded } from '../transport/request-refused.ts'

/** Namespace of the order configuration: topic to `broker:queues;broker:queues`. */
export const ORDER_TOPIC_CONFIG = 'ORDER_TOPIC_CONFIG'

/** Characters of a name or a value that take as much room as one more key. */
const CHARACTERS_OF_ONE = 1024

/** Settings by namespace and key, in memory; Java's `KVConfigManager` without its file. */
export class KVConfigManager {
  readonly #table = new Map<string, Map<string, string>>()
  readonly #maxKvConfigNum: number
  /** Keys and namespaces; long ones, and those with long values, count more than once. */
  #size = 0

  constructor(maxKvConfigNum: number) {
    this.#maxKvConfigNum = maxKvConfigNum
  }

  /** An absent value removes the key; the namespace exists from then on either way. @throws RequestRefused when the table is full. */
  put(namespace: string, key: string, value: string | undefined): void {
    let values = this.#table.get(namespace)
    const more =
      (values === undefined ? countOf(namespace) : 0) +
      (value === undefined ? 0 : countOf(key, value)) -
      this.#countOf(namespace, key)
    if (more > 0 && this.#size + more > this.#maxKvConfigNum)
      throw quotaExceeded('the key', 'maxKvConfigNum', this.#maxKvConfigNum)
    this.#size += more
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
    this.#size -= this.#countOf(namespace, key)
    this.#table.get(namespace)?.delete(key)
  }

  /** Undefined when the namespace does not exist. */
  list(namespace: string): ReadonlyMap<string, string> | undefined {
    return this.#table.get(namespace)
  }

  /** What a key that is there counts. */
  #countOf(namespace: string, key: string): number {
    const value = this.get(namespace, key)
    return value === undefined ? 0 : countOf(key, value)
  }
}

function countOf(name: string, value = ''): number {
  return 1 + Math.floor((name.length + value.length) / CHARACTERS_OF_ONE)
}
