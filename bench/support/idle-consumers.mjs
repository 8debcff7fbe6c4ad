// Consumers that wait: a connection each, with a heartbeat of its own group, and one long poll after the other on an empty queue, as a real
// push consumer holds one. `start N` opens them and answers when each of them waits; `stop` closes them and tells how it went.
//   --namesrv A --broker HOST:PORT --topic T
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { openRemoting } from '../../test/interop/harness/remoting.js'

const { values } = parseArgs({ options: { broker: { type: 'string' }, topic: { type: 'string' } } })
const { broker, topic } = values
const HEART_BEAT = 34
const PULL_MESSAGE = 11
const QUEUES = 4
/** A Java consumer's: suspended at the broker for 15 s, 30 s at most. */
const SUSPEND_MILLIS = 15_000
const TIMEOUT_MILLIS = 30_000
/** Suspend, and the subscription is in the request. */
const SYS_FLAG = 2 | 4

let consumers = []
let polls = 0
let errors = 0
let open = false

async function consumer(index) {
  const connection = await openRemoting(broker)
  const consumerGroup = `idle-${index}`
  const subscription = {
    topic,
    subString: '*',
    subVersion: 1,
    tagsSet: [],
    codeSet: [],
    classFilterMode: false,
    expressionType: 'TAG'
  }
  const data = {
    clientID: `127.0.0.1@idle-${index}`,
    producerDataSet: [],
    consumerDataSet: [
      {
        groupName: consumerGroup,
        consumeType: 'CONSUME_PASSIVELY',
        messageModel: 'CLUSTERING',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
        subscriptionDataSet: [subscription],
        unitMode: false
      }
    ]
  }
  await connection.invoke({ code: HEART_BEAT, extFields: {}, body: Buffer.from(JSON.stringify(data)) })
  const extFields = {
    consumerGroup,
    topic,
    queueId: String(index % QUEUES),
    queueOffset: '0',
    maxMsgNums: '32',
    sysFlag: String(SYS_FLAG),
    commitOffset: '0',
    suspendTimeoutMillis: String(SUSPEND_MILLIS),
    subscription: '*',
    subVersion: '1',
    expressionType: 'TAG'
  }
  const poll = async () => {
    while (open) {
      polls += 1
      const { code } = await connection.invoke({ code: PULL_MESSAGE, extFields }, TIMEOUT_MILLIS)
      // 19: nothing new
      if (code !== 19) errors += 1
    }
  }
  poll().catch(() => {
    if (open) errors += 1
  })
  return connection
}

console.log(JSON.stringify({ ready: true }))
for await (const line of createInterface({ input: process.stdin })) {
  const [word, count] = line.trim().split(' ')
  if (word === 'start') {
    open = true
    polls = 0
    errors = 0
    consumers = []
    for (let i = 0; i < Number(count); i += 50) {
      consumers.push(...(await Promise.all(Array.from({ length: Math.min(50, Number(count) - i) }, (_, at) => consumer(i + at)))))
    }
    console.log(JSON.stringify({ waiting: consumers.length }))
  } else if (word === 'stop') {
    open = false
    for (const connection of consumers) connection.close()
    console.log(JSON.stringify({ polls, errors }))
  }
}
