import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

const firstLine = (command, args) => {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? (stdout || stderr).split('\n')[0].trim() : null
}

const installedVersion = (url) => {
  try {
    return JSON.parse(readFileSync(url, 'utf8')).version
  } catch {
    return null
  }
}

/** What a figure depends on; nothing that names the host. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadAverageAtStart: loadavg().map((load) => Math.round(load * 100) / 100)
  }
}

export function describeVersions() {
  return {
    node: process.version,
    java: firstLine('java', ['-version']),
    go: firstLine('go', ['version']),
    'rocketmq-producer': installedVersion(new URL('../../package.json', import.meta.url)),
    'rocketmq (servers and Java client)': '5.3.3',
    'rocketmq-client-go': '2.1.2',
    'ali-ons': installedVersion(new URL('../../test/interop/node/node_modules/ali-ons/package.json', import.meta.url))
  }
}

/** User and system time that a process has used so far, in microseconds; null where the system does not say. */
export function cpuMicrosOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // fields 14 and 15 of proc(5), counted in ticks of 10 ms
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return null
  }
}

/** Resident bytes of a process; null where the system does not say. */
export function residentBytes(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
  } catch {
    return null
  }
}
