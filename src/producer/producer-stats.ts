/** What a producer counts since it was made. Sends that go well at the first attempt touch none of it. */
export interface ProducerStats {
  /** Further attempts that were made. */
  retries: number
  /**
   * Sends that were tried again although an earlier attempt may have stored the message: each may be stored more than once, under one
   * `msgId`.
   */
  possibleDuplicates: number
  /** Sends refused because too many were under way or waiting. */
  refusedFull: number
  /** Replies that came when nobody waited for them any more, a second one for example; of a shared client each producer counts all. */
  lateReplies: number
}

export function producerStats(): ProducerStats {
  return { retries: 0, possibleDuplicates: 0, refusedFull: 0, lateReplies: 0 }
}
