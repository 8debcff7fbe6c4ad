// Ways to keep sends in flight; our-producer.mjs and loopback-peer.mjs measure the same ones.

/** `inFlight` sends with callbacks at a time. `settle` gets the index, the milliseconds, and the result, undefined of one that failed. */
export function callbacks(send, inFlight, count, settle) {
  return new Promise((resolve) => {
    let sent = 0
    let settled = 0
    const next = () => {
      const index = sent
      const begin = performance.now()
      sent += 1
      send((error, result) => {
        settle(index, performance.now() - begin, error === null || error === undefined ? result : undefined)
        settled += 1
        if (sent < count) next()
        else if (settled === count) resolve()
      })
    }
    for (let lane = 0; lane < Math.min(inFlight, count); lane += 1) next()
  })
}

/** `inFlight` lanes that each await their send before the next one; `settle` as for {@link callbacks}. */
export async function lanes(send, inFlight, count, settle) {
  let next = 0
  const lane = async () => {
    while (next < count) {
      const index = next
      next += 1
      const begin = performance.now()
      let result
      try {
        result = await send()
      } catch {
        // counted by settle
      }
      settle(index, performance.now() - begin, result)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}
