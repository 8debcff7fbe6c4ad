/**
 * What a reader has at hand when he comes to a fragment (a `ts` block) of a guide: a broker, a started producer, messages. What a fragment
 * declares itself comes first. Part of the programs that `guide-programs.ts` makes, so it imports the package by its name.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { FaultTable, HeldClock, LoopbackBroker, MemoryNetwork } from 'rocketmq-producer/broker'

export const clock = new HeldClock()
export const faults = new FaultTable()
export const broker = await LoopbackBroker.start({
  network: new MemoryNetwork(),
  topics: { Orders: { queues: 4 }, Quotes: {} },
  brokerConfig: { recallMessageEnable: true, traceTopicEnable: true }
})
/** Stands for a name server of the reader's at `127.0.0.1:9876`. */
const overTcp = await LoopbackBroker.start({ topics: { Orders: { queues: 4 } } })
export const namesrvAddr = overTcp.namesrvAddr

export const producer = new DefaultMQProducer({ producerGroup: 'reader', ...broker.clientOptions() })
export const replier = new DefaultMQProducer({ producerGroup: 'replier', ...broker.clientOptions() })
await Promise.all([producer.start(), replier.start()])

export const message = new Message({ topic: 'Orders', tags: 'paid', keys: ['o-1'], body: 'hello' })
export const first = new Message({ topic: 'Orders', body: 'first' })
export const second = new Message({ topic: 'Orders', body: 'second' })
export const messages = [first, second]
export const orderId = 'o-1'
export const order = { id: orderId }
export const saveOrder = async (_order: unknown, _transactionId?: string): Promise<void> => {}
export const wasSaved = async (_transactionId?: string): Promise<boolean> => true
/** Certificates and key files that a fragment names are in the folder it runs in. */
const folder = mkdtempSync(path.join(tmpdir(), 'rocketmq-producer-guide-'))
writeFileSync(path.join(folder, 'ca.pem'), '')
writeFileSync(path.join(folder, 'orders.key'), 'AccessKey=orders\nSecretKey=a long secret\n', { mode: 0o600 })
process.chdir(folder)
process.env['HOME'] = folder

/** Ends what is given here. What a fragment started on its own goes with the process. */
export async function end(): Promise<void> {
  await Promise.all([producer.shutdown(), replier.shutdown()])
  await Promise.all([broker.close(), overTcp.close()])
  rmSync(folder, { recursive: true, force: true })
}
