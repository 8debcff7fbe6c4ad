import { afterEach } from 'vitest'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { FakeCluster, type FakeClusterOptions, newGroup } from './fake-cluster.ts'

const open: Array<() => Promise<void>> = []

/** Closes what {@link startCluster} and {@link startProducer} opened, after each test. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close()
  })
}

export async function startCluster(options: FakeClusterOptions = {}): Promise<FakeCluster> {
  const cluster = await FakeCluster.start(options)
  open.push(() => cluster.close())
  return cluster
}

/** A started producer; its drain does not wait, so that a test may leave sends unanswered. */
export async function startProducer(
  cluster: FakeCluster,
  options: Partial<DefaultMQProducerOptions> = {}
): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: newGroup(), drainTimeout: 0, ...cluster.clientOptions(), ...options })
  await producer.start()
  open.push(() => producer.shutdown())
  return producer
}

/** What a promise rejected with. */
export async function rejection<E>(promise: Promise<unknown>): Promise<E> {
  try {
    await promise
  } catch (error) {
    return error as E
  }
  throw new Error('it did not reject')
}
