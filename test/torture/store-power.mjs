// Cuts the power of a file system under a broker, again and again, and looks at what its store holds afterwards (fault-S3, fault-S4).
//
//   node test/torture/store-power.mjs [--cycles 10] [--flush sync|async|both] [--seed N]
//
// The store is on an ext4 of its own in a loop-mounted file. A cut is EXT4_IOC_SHUTDOWN without a flush of the journal: nothing that was not
// synced by then reaches the file; then the broker is killed, and the file system is mounted again, which replays its journal. Before the cut
// the broker is stopped: a sync that is in flight at that moment may return without an error although the journal has been given up (Linux
// 6.18 did so in 2 of 100 cuts, with the batch of that one sync), and after a real cut nobody would have heard of it. The sender and its journal are this process. First a control whose syncs do nothing has to lose something in at most three cuts: otherwise the rig shows
// nothing. Needs root, loop devices, mkfs.ext4 and perl. Prints a line a mode; ends with 1 when one of them fails.
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { LoopDisk, missingForPowerCuts } from './support/loop-disk.mjs'
import { check, loadUntil, mulberry, newJournal, physicalOffset, startBroker } from './support/rig.mjs'

/** A file system serves so many cuts: the log is read as a whole after each. */
const CUTS_AN_IMAGE = 5
/** Under ASYNC_FLUSH everything acknowledged longer than this before the cut has to be there, ms. */
const ASYNC_WINDOW = 1000
const CONTROL_CUTS = 3
const noSync = fileURLToPath(new URL('./support/no-sync.cjs', import.meta.url))

/** Stops a process. Its system calls in flight go on, but it hears of none of them. */
async function stopped(child) {
  child.kill('SIGSTOP')
  const state = () => /\) (\S)/.exec(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))[1]
  while (state() !== 'T') await new Promise((resolve) => setImmediate(resolve))
}

/** One cut under load; what is missing or wrong afterwards. */
async function powerCut(disk, flush, journal, millis, env) {
  const broker = await startBroker(disk.dir, flush, env)
  let cutAt
  await loadUntil(broker, journal, millis, async () => {
    await stopped(broker.child)
    cutAt = performance.now()
    disk.cut()
  })
  disk.unmount()
  disk.mount()
  const { wrong, lost, end } = await check(disk.dir, flush, journal)
  let window = Number.NEGATIVE_INFINITY
  let first = Number.MAX_SAFE_INTEGER
  let last = 0
  for (const seq of lost) {
    const { result, at } = journal.acked.get(seq)
    window = Math.max(window, cutAt - at)
    const offset = physicalOffset(result.offsetMsgId)
    first = Math.min(first, offset)
    last = Math.max(last, offset)
    if (offset <= end) wrong.push(`a hole: ${seq}`)
    // what is gone does not come back
    journal.acked.delete(seq)
  }
  if (flush === 'sync' && lost.length > 0) {
    const [from, to] = [first, last].map((offset) => `offset ${offset}`)
    wrong.push(
      `${lost.length} lost, of ${from} to ${to} and up to ${Math.round(window)} ms before the cut; the last one there is at ${end}`
    )
  }
  if (window > ASYNC_WINDOW) wrong.push(`lost from ${Math.round(window)} ms before the cut`)
  return { wrong, lost: lost.length, window: lost.length > 0 ? window : 0 }
}

/** Without syncs acknowledged messages have to go missing, or the store not to open at all. */
async function control(seed) {
  const random = mulberry(seed)
  for (let cut = 1; cut <= CONTROL_CUTS; cut++) {
    const disk = new LoopDisk()
    try {
      const journal = newJournal()
      const env = { NODE_OPTIONS: `--require ${noSync}` }
      const outcome = await powerCut(disk, 'sync', journal, 300 + random() * 300, env).catch((error) => ({ error }))
      const acked = journal.acked.size + (outcome.lost ?? 0)
      if (acked > 0 && (outcome.error !== undefined || outcome.lost > 0)) {
        const how = outcome.error === undefined ? `${outcome.lost} of ${acked} acknowledged lost` : `the store did not open`
        console.log(`power cut, control without syncs: ${how} in cut ${cut}`)
        return true
      }
    } finally {
      disk.remove()
    }
  }
  console.log(`power cut, control without syncs: nothing lost in ${CONTROL_CUTS} cuts: this rig shows nothing`)
  return false
}

async function torture(flush, cycles, seed) {
  const random = mulberry(seed)
  let disk
  let journal
  let failures = 0
  let acked = 0
  let lostInAll = 0
  let longest = 0
  try {
    for (let cycle = 0; cycle < cycles; cycle++) {
      if (cycle % CUTS_AN_IMAGE === 0) {
        disk?.remove()
        disk = new LoopDisk()
        journal = newJournal()
      }
      const before = journal.acked.size
      const { wrong, lost, window } = await powerCut(disk, flush, journal, 50 + random() * (flush === 'sync' ? 450 : 1200), {})
      acked += journal.acked.size + lost - before
      lostInAll += lost
      longest = Math.max(longest, window)
      if (wrong.length > 0) {
        failures++
        console.log(`cut ${cycle}: ${wrong.length} wrong, ${wrong.slice(0, 5).join('; ')}`)
        cycle += CUTS_AN_IMAGE - 1 - (cycle % CUTS_AN_IMAGE)
      }
    }
  } finally {
    disk?.remove()
  }
  const id = flush === 'sync' ? 'fault-S3' : 'fault-S4'
  const figures = `${cycles} cuts, ${acked} acknowledged, ${lostInAll} of them lost, the oldest ${Math.round(longest)} ms before its cut`
  console.log(
    `${id} power cut, ${flush}: ${figures}, ${failures} failures, seed ${seed}, ${new Date().toISOString().slice(0, 10)}`
  )
  return failures
}

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '10' }, flush: { type: 'string', default: 'both' }, seed: { type: 'string' } }
})
const absent = missingForPowerCuts()
if (absent !== undefined) {
  console.log(`not run: power: ${absent}`)
} else {
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
  let failures = (await control(seed)) ? 0 : 1
  for (const flush of values.flush === 'both' ? ['sync', 'async'] : [values.flush]) {
    failures += await torture(flush, Number(values.cycles), seed)
  }
  process.exitCode = failures === 0 ? 0 : 1
}
