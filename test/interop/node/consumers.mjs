// Consumers of ali-ons, driven over standard input like the Java and Go programs of this name: the same words, the same lines in answer.
//   push NAME key=value ...   group, topic, tags or sql, model, from, timestamp (ms), max (reconsume times), fail (how often a message fails)
//   stop NAME                 shuts it down
// Values are URL encoded. --namesrv A [--rebalance MILLIS]
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import aliOns from 'ali-ons'

const { values } = parseArgs({ options: { namesrv: { type: 'string' }, rebalance: { type: 'string', default: '1000' } } })
const logger = { info() {}, debug() {}, warn: console.error, error: console.error }
const consumers = new Map()
const print = (line) => console.log(JSON.stringify(line))

const two = (number) => String(number).padStart(2, '0')

/** yyyyMMddHHmmss, local time: what this client reads. */
function clock(millis) {
  const date = new Date(millis)
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
  return date.getFullYear() + parts.map(two).join('')
}

async function push(name, given) {
  const consumer = new aliOns.Consumer({
    nameSrv: values.namesrv,
    consumerGroup: given.group,
    consumeFromWhere: given.from ?? 'CONSUME_FROM_FIRST_OFFSET',
    isBroadcast: given.model === 'BROADCASTING',
    ...(given.timestamp && { consumeTimestamp: clock(Number(given.timestamp)) }),
    ...(given.max && { maxReconsumeTimes: Number(given.max) }),
    // members of one process need names of their own
    instanceName: name,
    rebalanceInterval: Number(values.rebalance),
    persistConsumerOffsetInterval: 500,
    clientIP: '127.0.0.1',
    httpclient: {}, // asserted to be there; used only without a name server address
    logger
  })
  consumers.set(name, consumer)
  const failures = Number(given.fail ?? 0)
  const expression = given.sql ? { expressionType: 'SQL92', subString: given.sql } : (given.tags ?? '*')
  consumer.subscribe(given.topic, expression, async (message) => {
    const { topic, queueId, queueOffset, reconsumeTimes, tags, properties } = message
    const body = message.body.toString()
    print({
      consumer: name,
      at: Date.now(),
      topic,
      queueId,
      queueOffset: Number(queueOffset),
      reconsumeTimes,
      tags,
      body,
      properties
    })
    if (reconsumeTimes < failures) throw new Error(`fails for the ${reconsumeTimes + 1}. time`)
  })
  await consumer.ready()
}

async function run(verb, name, given) {
  try {
    if (verb === 'push') await push(name, given)
    else if (verb === 'stop') await consumers.get(name).close()
    else throw new Error(`ali-ons has no ${verb}`)
    print(verb === 'stop' ? { stopped: name } : { started: name })
  } catch (error) {
    print({ failed: name, error: String(error.stack ?? error) })
  }
}

print({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, name, ...words] = line.trim().split(' ')
  const given = Object.fromEntries(words.map((word) => word.split('=', 2).map(decodeURIComponent)))
  void run(verb, name, given)
}
process.exit(0)
