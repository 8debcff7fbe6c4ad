import type { Clock } from '../../internal/clock.ts'
import { SIGNATURE } from '../../protocol/acl-signature.ts'
import { RequestCode } from '../../protocol/codes.ts'
import type { RemotingCommand } from '../../protocol/remoting-command.ts'
import { hasShortNames } from '../../protocol/send-message-header.ts'

const WINDOW_MILLIS = 5 * 60_000
/** Signatures that are remembered at most; with more sends than this in a window the oldest are forgotten early. */
const MOST_REMEMBERED = 1_000_000

const SENDS: ReadonlySet<number> = new Set([
  RequestCode.SEND_MESSAGE,
  RequestCode.SEND_MESSAGE_V2,
  RequestCode.SEND_BATCH_MESSAGE,
  RequestCode.SEND_REPLY_MESSAGE,
  RequestCode.SEND_REPLY_MESSAGE_V2
])

/**
 * Refuses sends that come a second time. A send's signature covers its born time and its unique id, so no two sends have the same one;
 * heartbeats and the like repeat and are let through.
 */
export class ReplayGuard {
  readonly #clock: Clock
  /** When each signature was seen, monotonic ms; oldest first. */
  readonly #seen = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  refusal(request: RemotingCommand): string | undefined {
    if (!SENDS.has(request.code)) return undefined
    const fields = request.extFields
    const bornTimestamp = Number(fields[hasShortNames(request.code) ? 'g' : 'bornTimestamp'])
    if (!(Math.abs(this.#clock.now() - bornTimestamp) <= WINDOW_MILLIS)) {
      return `The message was born more than ${WINDOW_MILLIS} ms before or after now`
    }
    const signature = fields[SIGNATURE] as string
    const now = this.#clock.monotonic()
    // Born times may lie ahead by one window, so a signature counts for two.
    for (const [old, seenAt] of this.#seen) {
      if (seenAt + 2 * WINDOW_MILLIS > now && this.#seen.size < MOST_REMEMBERED) break
      this.#seen.delete(old)
    }
    if (this.#seen.has(signature)) return 'This request has been received before'
    this.#seen.set(signature, now)
    return undefined
  }
}
