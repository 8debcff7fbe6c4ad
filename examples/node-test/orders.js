import { Message } from 'rocketmq-producer'

/** The code under test: an application's service that tells others about its orders. */
export class Orders {
  #producer
  #timer

  constructor(producer) {
    this.#producer = producer
  }

  async pay(id) {
    const body = JSON.stringify({ id, state: 'paid' })
    const { msgId } = await this.#producer.send(new Message({ topic: 'Orders', tags: 'paid', keys: id, body }))
    return msgId
  }

  /** Sends a reminder after a day, by the application's own timer. */
  remind(id) {
    this.#timer = setTimeout(
      () => this.#producer.sendOneway(new Message({ topic: 'Orders', tags: 'reminder', keys: id, body: id })),
      86_400_000
    )
    return this.#timer
  }
}
