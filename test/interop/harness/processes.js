import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Children that are still running; ended one by one, by their own handles, when this process ends. */
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
// a signal alone would end the process without an exit event
for (const [signal, number] of [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15]
]) {
  process.on(signal, () => process.exit(128 + number))
}

const STDERR_KEPT = 8192
const TERM_PATIENCE_MILLIS = 8000

/** A child process read line by line; lines wait in a queue until somebody asks for them. */
export class LineProcess {
  #child
  #lines = []
  #waiting = []
  #stderr = ''
  #exit
  #exited

  constructor(name, command, args, options = {}) {
    this.name = name
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options })
    running.add(this.#child)
    this.pid = this.#child.pid
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.setEncoding('utf8')
    this.#child.stderr.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT)
    })
    const lines = createInterface({ input: this.#child.stdout })
    lines.on('line', (line) => this.#push(line))
    this.#exited = new Promise((resolve) => {
      let left = 2
      const done = () => {
        left -= 1
        if (left > 0) return
        running.delete(this.#child)
        for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#ended())
        resolve(this.#exit)
      }
      lines.on('close', done)
      this.#child.on('error', (error) => {
        this.#exit = { code: null, signal: null, error }
        left = 1
        done()
      })
      this.#child.on('exit', (code, signal) => {
        this.#exit = { code, signal }
        done()
      })
    })
  }

  get stderr() {
    return this.#stderr
  }

  get exited() {
    return this.#exited
  }

  #push(line) {
    const waiter = this.#waiting.shift()
    if (waiter) waiter.resolve(line)
    else this.#lines.push(line)
  }

  #ended() {
    const { code, signal, error } = this.#exit
    const how = error ? error.message : `ended with ${signal ?? code}`
    return new Error(`${this.name} ${how}\n${this.#lines.slice(-5).join('\n')}\n${this.#stderr}`)
  }

  /** The next line of standard output; rejects when the process ends first or `millis` pass. */
  line(millis = 60_000) {
    if (this.#lines.length > 0) return Promise.resolve(this.#lines.shift())
    if (!running.has(this.#child)) return Promise.reject(this.#ended())
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (line) => {
          clearTimeout(timer)
          resolve(line)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        }
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(new Error(`${this.name} printed nothing for ${millis} ms\n${this.#stderr}`))
      }, millis)
      this.#waiting.push(waiter)
    })
  }

  /** The next line that is a JSON object; other lines (banners of a library) are passed over. */
  async json(millis) {
    for (;;) {
      const line = await this.line(millis)
      if (line.startsWith('{')) return JSON.parse(line)
    }
  }

  async lineWith(text, millis) {
    for (;;) {
      const line = await this.line(millis)
      if (line.includes(text)) return line
    }
  }

  /** Every JSON line until the process ends by itself with exit code 0. */
  async jsonUntilExit(millis) {
    const found = []
    for (;;) {
      try {
        found.push(await this.json(millis))
      } catch (error) {
        if (this.#exit?.code !== 0) throw error
        return found
      }
    }
  }

  write(line) {
    this.#child.stdin.write(`${line}\n`)
  }

  writeBytes(bytes) {
    this.#child.stdin.write(bytes)
  }

  /** SIGTERM, and SIGKILL when that has not ended it in time. `signal: 'SIGKILL'` does not wait. */
  async stop(signal = 'SIGTERM') {
    if (!running.has(this.#child)) return this.#exit
    this.#child.stdin.end()
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), TERM_PATIENCE_MILLIS)
    const exit = await this.#exited
    clearTimeout(timer)
    return exit
  }
}

/** Runs a command to its end; rejects with its last output when it fails. */
export async function run(name, command, args, options) {
  const child = new LineProcess(name, command, args, options)
  const printed = []
  for (;;) {
    try {
      printed.push(await child.line(300_000))
    } catch {
      break
    }
  }
  const { code, error } = await child.stop()
  if (code !== 0) throw new Error(`${name} failed: ${error?.message ?? code}\n${printed.slice(-20).join('\n')}\n${child.stderr}`)
  return printed
}
