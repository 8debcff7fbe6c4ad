// Request and reply: a message that waits for its answer. The replier is a consumer in any language; here it reads the loopback broker.
import { DefaultMQProducer, Message, MessageUtil, RequestTimeoutException } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const broker = await LoopbackBroker.start({ topics: { Quotes: { queues: 1 } } })
const requester = new DefaultMQProducer({ producerGroup: 'traders', ...broker.clientOptions() })
const replier = new DefaultMQProducer({ producerGroup: 'bank', ...broker.clientOptions() })
await Promise.all([requester.start(), replier.start()])

/** Answers the first `count` requests. A consumer would do the same with each message it receives. */
async function answer(count) {
  for (let next = 1; next <= count; next++) {
    await broker.waitForMessages('Quotes', next)
    const request = broker.messages('Quotes')[next - 1]
    await replier.send(MessageUtil.createReplyMessage(request, `${request.body}: ${(1 + next / 100).toFixed(2)}`))
  }
}

try {
  const answering = answer(2)
  const pairs = ['EUR/USD', 'EUR/CHF']
  const replies = await Promise.all(
    pairs.map((pair) => requester.request(new Message({ topic: 'Quotes', body: pair }), { timeout: 5000 }))
  )
  await answering
  const quotes = replies.map((reply) => reply.body.toString())
  console.log(quotes.join('\n'))

  // Nobody answers this one.
  const unanswered = await requester
    .request(new Message({ topic: 'Quotes', body: 'EUR/XXX' }), { timeout: 200 })
    .catch((error) => error)
  if (!(unanswered instanceof RequestTimeoutException)) throw new Error('a request without a reply has to time out')
  console.log(unanswered.message)
  if (!quotes.every((quote, i) => quote.startsWith(pairs[i]))) throw new Error('a reply went to the wrong request')
} finally {
  await Promise.all([requester.shutdown(), replier.shutdown()])
  await broker.close()
}
