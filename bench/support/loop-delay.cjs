// Loaded into a process with --require: measures its event loop's delay at a resolution of 1 ms. Each SIGUSR2 appends one JSON line to the
// file that LOOP_DELAY_FILE names, with what was measured since the one before, in ms.
const { appendFileSync } = require('node:fs')
const { monitorEventLoopDelay } = require('node:perf_hooks')

const histogram = monitorEventLoopDelay({ resolution: 1 })
histogram.enable()
const millis = (nanos) => Math.round(nanos / 1e4) / 100
process.on('SIGUSR2', () => {
  const { count, max } = histogram
  const line = { count, p50: millis(histogram.percentile(50)), p99: millis(histogram.percentile(99)), max: millis(max) }
  appendFileSync(process.env.LOOP_DELAY_FILE, `${JSON.stringify(line)}\n`)
  histogram.reset()
})
