import { nextTurn, until } from './turns.ts'

/** What keeps this process alive beside its own streams and the channel to the test runner: sockets, servers, timers. */
export function activeHandles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => /TCP|Timeout|TLS|FSReq|GetAddrInfo/.test(name) && name !== 'TTYWrap')
    .sort()
}

/**
 * Runs `work` and throws unless it left no socket, server or timer that was not there before.
 * Handles close in later turns of the event loop, which are waited for.
 */
export async function leavesNoHandle(work: () => Promise<void>): Promise<void> {
  const count = (names: string[]): Map<string, number> => {
    const counts = new Map<string, number>()
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
    return counts
  }
  await nextTurn(5)
  const before = count(activeHandles())
  await work()
  const more = (): string[] =>
    [...count(activeHandles())].filter(([name, n]) => n > (before.get(name) ?? 0)).map(([name, n]) => `${name}: ${n}`)
  await until(
    () => more().length === 0,
    () => `left behind: ${more().join(', ')} (before: ${JSON.stringify([...before])})`
  )
}
