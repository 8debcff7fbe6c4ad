import { RocketMQError } from '../internal/errors.ts'
import { ResponseCode } from '../protocol/codes.ts'

/** Thrown by a handler: the request is answered with `responseCode`, and the message is the remark. */
export class RequestRefused extends RocketMQError {
  /** @internal */
  static override readonly brandName: string = 'RequestRefused'

  constructor(responseCode: number, remark: string) {
    super(remark, { code: 'REQUEST_REFUSED', responseCode })
  }
}

/**
 * A table that clients fill has reached its limit. Code 16: clients try another broker, and nothing of the request was stored.
 * @param what the entry that finds no room, e.g. `topic Orders`
 * @param option the setting that limits the table
 */
export function quotaExceeded(what: string, option: string, limit: number): RequestRefused {
  return new RequestRefused(
    ResponseCode.NO_PERMISSION,
    `no room for ${what}: the table holds ${limit} already, as many as ${option} allows; remove what is not needed or raise ${option}`
  )
}
