import { ResponseCode } from '../protocol/codes.ts'
import { RequestRefused } from '../transport/request-refused.ts'

/** Longest name or address that is kept, characters: a table of so many entries is no limit where each may be as long as a frame. */
const MAX_LENGTH = 1024

/** @throws RequestRefused when a name is too long to be kept. */
export function checkLength(what: string, name: string): void {
  if (name.length <= MAX_LENGTH) return
  throw new RequestRefused(
    ResponseCode.INVALID_PARAMETER,
    `${what} is ${name.length} characters long, at most ${MAX_LENGTH} are allowed`
  )
}
