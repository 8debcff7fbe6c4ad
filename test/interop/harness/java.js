import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LineProcess, run } from './processes.js'
import { awaitRoute } from './remoting.js'

const javaDir = fileURLToPath(new URL('../java/', import.meta.url))

export const SERVER_VERSION = '5.3.3'
/** The last 4.x whose broker is published. */
export const OLD_SERVER_VERSION = '4.9.7'
export const CLIENT_VERSIONS = ['5.3.3', '4.9.8', '4.7.1']

export const SERVER_FLAGS = [
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  '--add-exports=java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-opens=java.base/java.nio=ALL-UNNAMED',
  '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED'
]
/** The netty of 4.7.1 does not initialise without these. */
const OLD_CLIENT_FLAGS = ['java.lang', 'java.nio', 'sun.nio.ch', 'jdk.internal.misc'].map(
  (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`
)
/** A suite starts more than it runs, so it skips the optimising compiler; a benchmark must not. */
export const QUICK_START_FLAGS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-Xshare:auto']

function sourceHash() {
  const hash = createHash('sha256')
  const add = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name)
      if (entry.name === 'target') continue
      if (entry.isDirectory()) add(path)
      else hash.update(entry.name).update(readFileSync(path))
    }
  }
  add(javaDir)
  return hash.digest('hex')
}

/** Compiles the programs and collects a class path for each version, unless that has been done for these sources. */
export async function buildJava() {
  const stamp = join(javaDir, 'target', 'stamp')
  const hash = sourceHash()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  await run('mvn', 'mvn', ['-q', '-B', 'process-classes'], { cwd: javaDir })
  mkdirSync(join(javaDir, 'target'), { recursive: true })
  writeFileSync(stamp, hash)
}

export const classPath = (version) => {
  const target = join(javaDir, `v${version}`, 'target')
  return `${join(target, 'classes')}:${join(target, 'lib')}/*`
}

/** A directory of its own under the system's temporary one, with a function that removes it. */
export function temporaryDirectory(name) {
  const path = mkdtempSync(join(tmpdir(), `${name}-`))
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  process.once('exit', remove)
  return {
    path,
    remove() {
      process.removeListener('exit', remove)
      remove()
    }
  }
}

/** One of our programs in `java/src`, on the class path of a client version. Its working directory is `home`: some tools write files there. */
export function startProgram({ main, version, args, home, quick = true, heap = '256m', flags: more = [] }) {
  const flags = [
    `-Xmx${heap}`,
    ...(quick ? QUICK_START_FLAGS : []),
    ...(version.startsWith('4.') ? OLD_CLIENT_FLAGS : SERVER_FLAGS),
    `-Duser.home=${home}`,
    `-Drocketmq.client.logRoot=${join(home, 'logs')}`,
    '-Drocketmq.client.logLevel=ERROR',
    ...more
  ]
  return new LineProcess(`${main} ${version}`, 'java', [...flags, '-cp', classPath(version), `interop.${main}`, ...args], {
    cwd: home
  })
}

const portIsFree = (port) =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)))
  })

/** A port that is free together with its neighbours: the broker also listens on port - 2 (fast channel) and port + 1 (HA). */
export async function freePort(neighbours = []) {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    // below the range from which the system hands out ports by itself
    const port = 12_000 + Math.floor(Math.random() * 18_000)
    const free = await Promise.all([port, ...neighbours.map((offset) => port + offset)].map(portIsFree))
    if (free.every(Boolean)) return port
  }
  throw new Error('found no free port')
}

export const properties = (table) =>
  Object.entries(table)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

export const topicConfigs = (topics) =>
  JSON.stringify({
    dataVersion: { counter: 1, stateVersion: 0, timestamp: Date.now() },
    topicConfigTable: Object.fromEntries(
      Object.entries(topics).map(([topicName, queues]) => [
        topicName,
        {
          topicName,
          readQueueNums: queues,
          writeQueueNums: queues,
          perm: 6,
          topicFilterType: 'SINGLE_TAG',
          topicSysFlag: 0,
          order: false
        }
      ])
    )
  })

/**
 * The real name server and broker 5.3.3 on loopback, with everything they write in one temporary directory.
 * Resolves when the broker is up and the name server routes to it.
 *
 * `topics` maps names to queue counts; they exist from the start, for clients that do not create topics on the fly.
 */
export async function startRealCluster({ topics, heap = '512m', quick = true, brokerConfig = {} }) {
  const directory = temporaryDirectory('rocketmq-real')
  const home = directory.path
  const started = []
  const java = (main, configFile, config) => {
    writeFileSync(join(home, configFile), properties(config))
    const child = new LineProcess(
      main,
      'java',
      [
        `-Xms${heap}`,
        `-Xmx${heap}`,
        ...(quick ? QUICK_START_FLAGS : []),
        ...SERVER_FLAGS,
        `-Duser.home=${home}`,
        `-Drocketmq.home.dir=${home}`,
        '-cp',
        classPath(SERVER_VERSION),
        'interop.Server',
        main,
        '-c',
        join(home, configFile)
      ],
      { env: { ...process.env, ROCKETMQ_HOME: home }, cwd: home }
    )
    started.push(child)
    return child
  }
  const stop = async () => {
    // nothing of this store is needed again, so there is no orderly shutdown to wait for
    await Promise.all(started.map((child) => child.stop('SIGKILL')))
    directory.remove()
  }
  try {
    const namesrvPort = await freePort()
    const namesrvAddr = `127.0.0.1:${namesrvPort}`
    const namesrv = java('org.apache.rocketmq.namesrv.NamesrvStartup', 'namesrv.conf', {
      listenPort: namesrvPort,
      bindAddress: '127.0.0.1',
      kvConfigPath: join(home, 'kvConfig.json'),
      configStorePath: join(home, 'namesrv.properties')
    })
    const store = join(home, 'store')
    mkdirSync(join(store, 'config'), { recursive: true })
    writeFileSync(join(store, 'config', 'topics.json'), topicConfigs(topics))
    const port = await freePort([-2, 1])
    const broker = java('org.apache.rocketmq.broker.BrokerStartup', 'broker.conf', {
      brokerClusterName: 'DefaultCluster',
      brokerName: 'broker-a',
      brokerId: 0,
      brokerRole: 'ASYNC_MASTER',
      flushDiskType: 'ASYNC_FLUSH',
      brokerIP1: '127.0.0.1',
      brokerIP2: '127.0.0.1',
      bindAddress: '127.0.0.1',
      listenPort: port,
      namesrvAddr,
      storePathRootDir: store,
      storePathCommitLog: join(store, 'commitlog'),
      autoCreateTopicEnable: true,
      deleteWhen: '04',
      diskMaxUsedSpaceRatio: 95,
      ...brokerConfig
    })
    await namesrv.lineWith('boot success', 60_000)
    await broker.lineWith('boot success', 60_000)
    await awaitRoute(namesrvAddr, Object.keys(topics)[0])
    return {
      version: SERVER_VERSION,
      namesrvAddr,
      brokerAddr: `127.0.0.1:${port}`,
      home,
      stop,
      pids: started.map((child) => child.pid)
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * One real broker, by default the last 4.x, under a name server that runs already; what it writes is in `home`, which may be that of a
 * broker before it. Resolves when it is up. `port` and its neighbours are any free ones.
 */
export async function startRealBroker({
  version = OLD_SERVER_VERSION,
  namesrvAddr,
  home,
  topics,
  brokerConfig = {},
  heap = '512m'
}) {
  const store = join(home, 'store')
  mkdirSync(join(store, 'config'), { recursive: true })
  mkdirSync(join(home, 'conf'), { recursive: true })
  writeFileSync(join(home, 'conf', 'logback_broker.xml'), '<configuration/>')
  if (topics) writeFileSync(join(store, 'config', 'topics.json'), topicConfigs(topics))
  const port = await freePort([-2, 1])
  const config = join(home, 'broker.conf')
  const table = {
    brokerClusterName: 'DefaultCluster',
    brokerName: 'broker-a',
    brokerIP1: '127.0.0.1',
    brokerIP2: '127.0.0.1',
    listenPort: port,
    namesrvAddr,
    storePathRootDir: store,
    storePathCommitLog: join(store, 'commitlog'),
    diskMaxUsedSpaceRatio: 95,
    // A loaded machine alone makes requests wait in the queue.
    waitTimeMillsInSendQueue: 20_000,
    ...brokerConfig
  }
  writeFileSync(config, properties(table))
  const child = new LineProcess(
    `broker ${version}`,
    'java',
    [
      `-Xms${heap}`,
      `-Xmx${heap}`,
      ...QUICK_START_FLAGS,
      ...SERVER_FLAGS,
      ...(version.startsWith('4.') ? OLD_CLIENT_FLAGS : []),
      `-Duser.home=${home}`,
      `-Drocketmq.home.dir=${home}`,
      '-cp',
      classPath(version),
      'interop.Server',
      'org.apache.rocketmq.broker.BrokerStartup',
      '-c',
      config
    ],
    { env: { ...process.env, ROCKETMQ_HOME: home }, cwd: home }
  )
  try {
    await child.lineWith('boot success', 60_000)
  } catch (error) {
    await child.stop('SIGKILL')
    throw error
  }
  return {
    version,
    brokerAddr: `127.0.0.1:${port}`,
    haAddr: `127.0.0.1:${port + 1}`,
    commitLog: table.storePathCommitLog,
    pid: child.pid,
    stop: () => child.stop('SIGKILL')
  }
}

/** The real name server alone. */
export async function startRealNameServer({ home }) {
  const port = await freePort()
  const config = join(home, 'namesrv.conf')
  const kvConfigPath = join(home, 'kvConfig.json')
  writeFileSync(config, properties({ listenPort: port, bindAddress: '127.0.0.1', kvConfigPath, configStorePath: config }))
  const flags = ['-Xmx128m', ...QUICK_START_FLAGS, ...SERVER_FLAGS, `-Duser.home=${home}`, `-Drocketmq.home.dir=${home}`]
  const main = 'org.apache.rocketmq.namesrv.NamesrvStartup'
  const args = [...flags, '-cp', classPath(SERVER_VERSION), 'interop.Server', main, '-c', config]
  const child = new LineProcess('name server', 'java', args, { env: { ...process.env, ROCKETMQ_HOME: home }, cwd: home })
  try {
    await child.lineWith('boot success', 60_000)
  } catch (error) {
    await child.stop('SIGKILL')
    throw error
  }
  return { namesrvAddr: `127.0.0.1:${port}`, pid: child.pid, stop: () => child.stop('SIGKILL') }
}

/** The real pull consumer, kept open for a whole suite. */
export async function startPullReader({ namesrvAddr, home, version = SERVER_VERSION }) {
  const child = startProgram({ main: 'PullReader', version, args: ['--namesrv', namesrvAddr], home })
  await child.json()
  const readAll = async (command) => {
    child.write(command)
    const lines = []
    for (;;) {
      const line = await child.json()
      if (line.error) throw new Error(`${child.name}: ${line.error}`)
      if (line.end) return { lines, queues: line.queues }
      lines.push(line)
    }
  }
  return {
    /** Every message of a topic, once it holds `count` of them (or 30 s have passed). */
    async read(topic, count) {
      const { lines, queues } = await readAll(`read ${topic} ${count}`)
      return { messages: lines, queues }
    },
    /** The same of a trace topic, and every record that Java's decoder finds in its messages. */
    async readTrace(topic, count) {
      const { lines } = await readAll(`trace ${topic} ${count}`)
      return { messages: lines.filter(({ trace }) => trace === undefined), records: lines.filter(({ trace }) => trace) }
    },
    /** What MessageClientIDSetter reads from a unique id: ip, pid and time. */
    async decodeId(uniqKey) {
      child.write(`id ${uniqKey}`)
      const line = await child.json()
      if (line.error) throw new Error(`${child.name}: ${line.error}`)
      return line
    },
    stop: () => child.stop('SIGKILL')
  }
}
