// Consumes with ali-ons and prints a line a message; ends with its input.
//   --namesrv A --topic T --group G [--tags a]
import { parseArgs } from 'node:util'
import aliOns from 'ali-ons'

const { values } = parseArgs({
  options: {
    namesrv: { type: 'string' },
    topic: { type: 'string' },
    group: { type: 'string' },
    tags: { type: 'string', default: '*' }
  }
})
const logger = { info() {}, debug() {}, warn: console.error, error: console.error }

const consumer = new aliOns.Consumer({
  nameSrv: values.namesrv,
  consumerGroup: values.group,
  consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
  clientIP: '127.0.0.1',
  httpclient: {}, // asserted to be there; used only without a name server address
  logger
})
consumer.subscribe(values.topic, values.tags, async (message) => {
  const { queueId, queueOffset, reconsumeTimes, tags } = message
  console.log(JSON.stringify({ queueId, queueOffset: Number(queueOffset), reconsumeTimes, tags, body: message.body.toString() }))
})
await consumer.ready()
process.stdin.on('end', () => process.exit(0)).resume()
