// Sends with ali-ons and prints, a line a message, what was sent and what came back.
//   --namesrv A --topic T [--count N]
import { parseArgs } from 'node:util'
import aliOns from 'ali-ons'

const { values } = parseArgs({
  options: { namesrv: { type: 'string' }, topic: { type: 'string' }, count: { type: 'string', default: '10' } }
})
const count = Number(values.count)
const peer = 'ali-ons'
const logger = { info() {}, debug() {}, warn: console.error, error: console.error }

const producer = new aliOns.Producer({
  nameSrv: values.namesrv,
  producerGroup: 'interop-ali-ons',
  sendMsgTimeout: 20_000,
  clientIP: '127.0.0.1',
  httpclient: {}, // asserted to be there; used only without a name server address
  logger
})
await producer.ready()

let failed = false
for (const mode of ['send', 'compressed']) {
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const text = `${peer} ${mode} ${index} ü你好 🚀`
      const body = mode === 'compressed' ? Buffer.alloc(9000 + index, text) : Buffer.from(text)
      const message = new aliOns.Message(values.topic, `tag-${mode}`, body)
      message.keys = [`key-${index}`, `键-${mode}`]
      message.flag = index
      message.properties.case = `${peer}/${mode}/${index}`
      message.properties.text = 'value = {"a":1}, 属性'
      const sent = {
        case: message.properties.case,
        mode,
        index,
        tags: message.tags,
        keys: message.keys,
        text: message.properties.text,
        flag: index,
        body: body.toString('base64')
      }
      try {
        const result = await producer.send(message)
        const queueId = Number(result.messageQueue.queueId)
        console.log(
          JSON.stringify({
            ...sent,
            status: result.sendStatus,
            offsetMsgId: result.msgId,
            queueId,
            queueOffset: result.queueOffset
          })
        )
      } catch (error) {
        failed = true
        console.log(JSON.stringify({ ...sent, status: 'FAILED', error: String(error) }))
      }
    })
  )
}
// its own close waits for timers; everything sent has been answered
process.exit(failed ? 1 : 0)
