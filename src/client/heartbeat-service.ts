import { type Logger, logText } from '../internal/logger.ts'
import { RequestCode, ResponseCode } from '../protocol/codes.ts'
import { encodeHeartbeat } from '../protocol/heartbeat.ts'
import { LanguageCode, type LanguageName } from '../protocol/language-code.ts'
import { emptyExtFields, RemotingCommand } from '../protocol/remoting-command.ts'
import type { RemotingClient } from '../transport/remoting-client.ts'

export interface HeartbeatSettings {
  readonly clientId: string
  readonly language: LanguageName
  readonly serializeType: number
  readonly timeoutMillis: number
}

/** Tells brokers who produces here: HEART_BEAT while it lives, UNREGISTER_CLIENT at the end. Failures are logged, nothing else. */
export class HeartbeatService {
  readonly #remoting: RemotingClient
  readonly #logger: Logger
  readonly #settings: HeartbeatSettings

  constructor(remoting: RemotingClient, logger: Logger, settings: HeartbeatSettings) {
    this.#remoting = remoting
    this.#logger = logger
    this.#settings = settings
  }

  /** Settles when every broker has answered, or will not. */
  async send(addresses: Iterable<string>, groups: Iterable<string>): Promise<void> {
    const { clientId } = this.#settings
    const producerDataSet = [...groups].map((groupName) => ({ groupName }))
    if (producerDataSet.length === 0) return
    const body = encodeHeartbeat({
      clientID: clientId,
      producerDataSet,
      consumerDataSet: [],
      heartbeatFingerprint: 0,
      withoutSub: false
    })
    await this.#each(addresses, 'heartbeat', () => {
      const request = RemotingCommand.request(RequestCode.HEART_BEAT, emptyExtFields(), body, this.#settings.serializeType)
      request.language = LanguageCode[this.#settings.language]
      return request
    })
  }

  async unregister(addresses: Iterable<string>, producerGroup: string): Promise<void> {
    await this.#each(addresses, 'unregistration', () => {
      const fields = emptyExtFields()
      fields['clientID'] = this.#settings.clientId
      fields['producerGroup'] = producerGroup
      return RemotingCommand.request(RequestCode.UNREGISTER_CLIENT, fields, undefined, this.#settings.serializeType)
    })
  }

  async #each(addresses: Iterable<string>, what: string, request: () => RemotingCommand): Promise<void> {
    await Promise.all([...addresses].map((addr) => this.#one(addr, what, request())))
  }

  async #one(addr: string, what: string, request: RemotingCommand): Promise<void> {
    try {
      const answer = await this.#remoting.invoke(addr, request, this.#settings.timeoutMillis)
      if (answer.code === ResponseCode.SUCCESS) return
      this.#logger.warn(`${what} at broker ${logText(addr)} refused: ${answer.code} ${logText(answer.remark ?? '')}`)
    } catch (error) {
      this.#logger.warn(`${what} at broker ${logText(addr)} failed: ${logText(error)}`)
    }
  }
}
