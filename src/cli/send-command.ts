import { createInterface } from 'node:readline'
import type { RocketMQError } from '../internal/errors.ts'
import { DefaultMQProducer } from '../producer/default-mq-producer.ts'
import { checkTopic } from '../producer/validators.ts'
import { Message } from '../protocol/message.ts'
import { fileContents, parseOptions, required, UsageError, wholeNumber } from './arguments.ts'

const HELP = `rocketmq-producer send --namesrv ADDRESS --topic TOPIC [options]
  --tags TAG        tag of each message
  --keys KEYS       keys, separated by spaces
  --body TEXT       body; or
  --file FILE       a file's bytes as body; without either, each line of standard input is a message
  --count N         how often to send it (1)
  --timeout MILLIS  for each message (3000)
  --json            a JSON line a message`

export async function sendCommand(args: readonly string[]): Promise<number> {
  const values = parseOptions(args, {
    namesrv: { type: 'string' },
    topic: { type: 'string' },
    tags: { type: 'string' },
    keys: { type: 'string' },
    body: { type: 'string' },
    file: { type: 'string' },
    count: { type: 'string' },
    timeout: { type: 'string' },
    json: { type: 'boolean' }
  })
  if (values['help']) {
    process.stdout.write(`${HELP}\n`)
    return 0
  }
  if (values['body'] !== undefined && values['file'] !== undefined) throw new UsageError('--body and --file exclude each other')
  const topic = required('topic', values['topic'])
  const timeout = wholeNumber('timeout', values['timeout'], 3000, 1, 600_000)
  const count = wholeNumber('count', values['count'], 1, 1, 10_000_000)
  checkTopic(topic)
  const producer = new DefaultMQProducer({
    producerGroup: 'rocketmq-producer-cli',
    namesrvAddr: required('namesrv', values['namesrv'])
  })
  await producer.start()
  let failed = 0
  try {
    for await (const body of bodies(values['body'], values['file'], count)) {
      const message = new Message({ topic, body, tags: text(values['tags']), keys: text(values['keys']) })
      try {
        const result = await producer.send(message, { timeout })
        const { sendStatus, msgId, offsetMsgId, messageQueue, queueOffset } = result
        const { brokerName, queueId } = messageQueue
        if (sendStatus !== 'SEND_OK') failed++
        const line = values['json']
          ? JSON.stringify({ sendStatus, msgId, offsetMsgId, brokerName, queueId, queueOffset })
          : `${sendStatus} ${msgId} ${brokerName} queue ${queueId} offset ${queueOffset}`
        process.stdout.write(`${line}\n`)
      } catch (error) {
        failed++
        const { message: text, hint } = error as RocketMQError
        process.stderr.write(`rocketmq-producer send: ${text}\n${hint === undefined ? '' : `  ${hint}\n`}`)
      }
    }
  } finally {
    await producer.shutdown()
  }
  return failed === 0 ? 0 : 1
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

async function* bodies(body: unknown, file: unknown, count: number): AsyncGenerator<string | Buffer> {
  const given = typeof body === 'string' ? body : typeof file === 'string' ? fileContents('file', file) : undefined
  if (given !== undefined) {
    for (let i = 0; i < count; i++) yield given
    return
  }
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === '') continue
    for (let i = 0; i < count; i++) yield line
  }
}
