import { type Logger, logText } from '../internal/logger.ts'
import { RequestCode, ResponseCode } from '../protocol/codes.ts'
import { encodeHeartbeat, type HeartbeatData } from '../protocol/heartbeat.ts'
import { javaHashCode } from '../protocol/java-hash.ts'
import { LanguageCode, type LanguageName } from '../protocol/language-code.ts'
import { emptyExtFields, RemotingCommand } from '../protocol/remoting-command.ts'
import type { Connection } from '../transport/connection.ts'
import type { RemotingClient } from '../transport/remoting-client.ts'

export interface HeartbeatSettings {
  readonly clientId: string
  readonly language: LanguageName
  readonly serializeType: number
  readonly timeoutMillis: number
  /** Heartbeats carry a fingerprint, and say so when nothing changed since the last one. */
  readonly version2: boolean
}

/** What a broker answered to a heartbeat; Java's `HeartbeatV2Result`. */
export interface HeartbeatResult {
  /** MQVersion ordinal. */
  readonly version: number
  readonly supportsV2: boolean
  /** The broker wants the whole heartbeat the next time. */
  readonly subChange: boolean
}

/** Tells brokers who produces here: HEART_BEAT while it lives, UNREGISTER_CLIENT at the end. Failures are logged, nothing else. */
export class HeartbeatService {
  readonly #remoting: RemotingClient
  readonly #logger: Logger
  readonly #settings: HeartbeatSettings
  readonly #versions = new Map<string, number>()
  /** What a broker knows of this client, by address; only of brokers that understand the second version. */
  readonly #fingerprints = new Map<string, number>()
  /** The connection over which each broker took the latest heartbeat. */
  readonly #taken = new Map<string, Connection>()

  constructor(remoting: RemotingClient, logger: Logger, settings: HeartbeatSettings) {
    this.#remoting = remoting
    this.#logger = logger
    this.#settings = settings
  }

  /** MQVersion ordinal of the broker's latest answer. */
  brokerVersion(addr: string): number | undefined {
    return this.#versions.get(addr)
  }

  /** Whether the broker has taken a heartbeat over the connection that is in use now: it can call this client back. */
  reaches(addr: string): boolean {
    const connection = this.#remoting.connection(addr)
    return connection !== undefined && this.#taken.get(addr) === connection
  }

  /** Settles when every broker has answered, or will not. */
  async send(addresses: Iterable<string>, groups: Iterable<string>): Promise<void> {
    const { clientId, version2 } = this.#settings
    const producerDataSet = [...groups].map((groupName) => ({ groupName }))
    if (producerDataSet.length === 0) return
    const heartbeat: HeartbeatData = {
      clientID: clientId,
      producerDataSet,
      consumerDataSet: [],
      heartbeatFingerprint: 0,
      withoutSub: false
    }
    if (version2) heartbeat.heartbeatFingerprint = fingerprintOf(heartbeat)
    await Promise.all([...addresses].map((addr) => this.#beat(addr, heartbeat)))
  }

  async unregister(addresses: Iterable<string>, producerGroup: string, timeoutMillis: number): Promise<void> {
    const unregisterOne = async (addr: string): Promise<void> => {
      const fields = emptyExtFields()
      fields['clientID'] = this.#settings.clientId
      fields['producerGroup'] = producerGroup
      const { serializeType } = this.#settings
      const request = RemotingCommand.request(RequestCode.UNREGISTER_CLIENT, fields, undefined, serializeType)
      await this.#ask(addr, 'unregistration', request, Math.min(timeoutMillis, this.#settings.timeoutMillis))
    }
    await Promise.all([...addresses].map(unregisterOne))
  }

  /** The address is no broker's any more. */
  forget(addr: string): void {
    this.#versions.delete(addr)
    this.#taken.delete(addr)
    this.#fingerprints.delete(addr)
  }

  async #beat(addr: string, heartbeat: HeartbeatData): Promise<void> {
    const { heartbeatFingerprint } = heartbeat
    const withoutSub = heartbeatFingerprint !== 0 && this.#fingerprints.get(addr) === heartbeatFingerprint
    const body = encodeHeartbeat({ ...heartbeat, withoutSub })
    const request = RemotingCommand.request(RequestCode.HEART_BEAT, emptyExtFields(), body, this.#settings.serializeType)
    request.language = LanguageCode[this.#settings.language]
    const answer = await this.#ask(addr, 'heartbeat', request)
    if (answer === undefined) return
    const connection = this.#remoting.connection(addr)
    if (connection !== undefined) this.#taken.set(addr, connection)
    const result = heartbeatResult(answer)
    this.#versions.set(addr, result.version)
    if (result.supportsV2 && !result.subChange) this.#fingerprints.set(addr, heartbeatFingerprint)
    else this.#fingerprints.delete(addr)
  }

  /** The answer when it says success. */
  async #ask(
    addr: string,
    what: string,
    request: RemotingCommand,
    timeoutMillis = this.#settings.timeoutMillis
  ): Promise<RemotingCommand | undefined> {
    try {
      const answer = await this.#remoting.invoke(addr, request, timeoutMillis)
      if (answer.code === ResponseCode.SUCCESS) return answer
      this.#logger.warn(`${what} at broker ${logText(addr)} refused: ${answer.code} ${logText(answer.remark ?? '')}`)
    } catch (error) {
      this.#logger.warn(`${what} at broker ${logText(addr)} failed: ${logText(error)}`)
    }
    return undefined
  }
}

/** An answer without the fields of the second version means: not supported, nothing changed. */
export function heartbeatResult(answer: RemotingCommand): HeartbeatResult {
  const fields = answer.extFields
  return {
    version: answer.version,
    supportsV2: fields['IS_SUPPORT_HEART_BEAT_V2'] === 'true',
    subChange: fields['IS_SUB_CHANGE'] === 'true'
  }
}

/** As Java has it: the hash of the heartbeat's JSON without what differs between clients; 0 would mean that there is none. */
function fingerprintOf(heartbeat: HeartbeatData): number {
  const text = encodeHeartbeat({ ...heartbeat, clientID: '', heartbeatFingerprint: 0, withoutSub: false }).toString()
  return javaHashCode(text) || 1
}
