import type { Timer } from '../../internal/clock.ts'
import { logText } from '../../internal/logger.ts'
import type { BrokerServices } from '../broker-services.ts'
import { TransactionalMessageService } from './transactional-message-service.ts'

/** Looks for open half messages every `transactionCheckInterval`, counted from the end of a round; Java's service of this name. */
export class TransactionalMessageCheckService {
  readonly #broker: BrokerServices
  readonly #service: TransactionalMessageService
  #timer: Timer | undefined
  #round: Promise<void> = Promise.resolve()
  #stopped = false
  #paused = false

  constructor(broker: BrokerServices) {
    this.#broker = broker
    this.#service = new TransactionalMessageService(broker)
  }

  start(): void {
    // A slave has its master's messages, and the master asks.
    if (this.#stopped || this.#broker.storeConfig.brokerRole === 'SLAVE') return
    this.#paused = false
    this.#arm()
  }

  #arm(): void {
    if (this.#stopped || this.#paused) return
    this.#timer = this.#broker.clock.setTimeout(() => this.#run(), this.#broker.config.transactionCheckInterval, { ref: false })
  }

  /** No further round; settles when the one under way has come to its end, which it does at the next message. */
  async shutdown(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#round
  }

  /** No round until {@link start}; settles when the one under way has ended. */
  async pause(): Promise<void> {
    this.#paused = true
    this.#timer?.cancel()
    await this.#round
    this.#service.forget()
  }

  /** A round at once, whatever the age of the half messages; never beside another one. @returns how many were asked about. */
  async checkNow(): Promise<number> {
    let asked = 0
    const round = this.#round.then(async () => {
      asked = await this.#service.check(() => this.#stopped, true)
    })
    this.#round = round.catch(() => {})
    await round
    return asked
  }

  #run(): void {
    this.#round = this.#round
      .then(async () => void (await this.#service.check(() => this.#stopped || this.#paused)))
      .catch((error: unknown) => this.#broker.logger.error(`the check of transactions failed: ${logText(error)}`))
      .finally(() => this.#arm())
  }
}
