import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { classPath, freePort, properties, QUICK_START_FLAGS, SERVER_FLAGS, temporaryDirectory, topicConfigs } from './java.js'
import { LineProcess } from './processes.js'
import { awaitRoute } from './remoting.js'

/** What Java 17 keeps from the libraries of 4.x. */
const OLD_SERVER_FLAGS = ['java.lang', 'sun.nio.ch'].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`)
/** 4.x reads its log settings from its home directory and does not start without. */
const NO_LOGS = '<configuration/>\n'

/**
 * A real name server and any number of real brokers of their own, of a version that the Java project has servers of (5.3.3, 4.9.7).
 * `flags` are for every process, `files` are written below the home directory. A broker may be killed and started again.
 * Resolves when the name server routes to all of them; with `plain: false`, where it takes no plain text, when they have booted.
 */
export async function startServers({
  version = '5.3.3',
  topics,
  brokers = 1,
  host = '127.0.0.1',
  flags = [],
  files = {},
  brokerConfig = {},
  namesrvConfig = {},
  heap = '384m',
  plain = true
}) {
  const directory = temporaryDirectory(`rocketmq-${version}`)
  const home = directory.path
  const old = version.startsWith('4.')
  const write = (name, text) => {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  if (old) for (const part of ['broker', 'namesrv']) write(`conf/logback_${part}.xml`, NO_LOGS)
  for (const [name, text] of Object.entries(files)) write(name, text)
  const running = new Set()
  const java = async (main, configFile, config, more) => {
    write(configFile, properties(config))
    const child = new LineProcess(
      `${main.split('.').pop()} ${version}`,
      'java',
      [
        `-Xms${heap}`,
        `-Xmx${heap}`,
        ...QUICK_START_FLAGS,
        ...SERVER_FLAGS,
        ...(old ? OLD_SERVER_FLAGS : []),
        ...flags,
        ...more,
        `-Duser.home=${home}`,
        `-Drocketmq.home.dir=${home}`,
        '-cp',
        classPath(version),
        'interop.Server',
        main,
        '-c',
        join(home, configFile)
      ],
      { env: { ...process.env, ROCKETMQ_HOME: home }, cwd: home }
    )
    running.add(child)
    await child.lineWith('boot success', 90_000)
    return child
  }
  const stop = async () => {
    await Promise.all([...running].map((child) => child.stop('SIGKILL')))
    directory.remove()
  }
  const text = host.includes(':') ? `[${host}]` : host
  try {
    const namesrvPort = await freePort()
    const namesrvAddr = `${text}:${namesrvPort}`
    await java(
      'org.apache.rocketmq.namesrv.NamesrvStartup',
      'namesrv.conf',
      {
        listenPort: namesrvPort,
        ...(old ? {} : { bindAddress: host }),
        kvConfigPath: join(home, 'kvConfig.json'),
        configStorePath: join(home, 'namesrv.properties'),
        ...namesrvConfig
      },
      []
    )
    const startBroker = async (i) => {
      const brokerName = `broker-${String.fromCharCode(97 + i)}`
      const store = `store-${brokerName}`
      write(`${store}/config/topics.json`, topicConfigs(topics))
      const port = await freePort([-2, 1])
      const config = {
        brokerClusterName: 'DefaultCluster',
        brokerName,
        brokerId: 0,
        brokerRole: 'ASYNC_MASTER',
        flushDiskType: 'ASYNC_FLUSH',
        brokerIP1: text,
        brokerIP2: text,
        ...(old ? {} : { bindAddress: host }),
        listenPort: port,
        namesrvAddr,
        storePathRootDir: join(home, store),
        storePathCommitLog: join(home, store, 'commitlog'),
        autoCreateTopicEnable: true,
        deleteWhen: '04',
        diskMaxUsedSpaceRatio: 95,
        // A loaded machine alone makes requests wait.
        waitTimeMillsInSendQueue: 20_000,
        ...brokerConfig
      }
      let child
      const broker = {
        brokerName,
        addr: `${text}:${port}`,
        /** Resolves when it has booted: it registers by itself. */
        async start() {
          child = await java('org.apache.rocketmq.broker.BrokerStartup', `${brokerName}.conf`, config, [])
        },
        /** The end of its process, as in a crash. */
        async kill() {
          running.delete(child)
          await child.stop('SIGKILL')
        }
      }
      await broker.start()
      return broker
    }
    const started = []
    // One after the other: a port that was free a moment ago may be taken by now, most likely by the one started beside.
    for (let i = 0, attempts = 0; i < brokers; ) {
      try {
        started.push(await startBroker(i))
        i += 1
      } catch (error) {
        attempts += 1
        if (attempts > 3 || !error.message.includes('Address already in use')) throw error
      }
    }
    for (const topic of plain ? Object.keys(topics) : []) await awaitRoute(namesrvAddr, topic, 60_000, brokers)
    return { version, namesrvAddr, home, brokers: started, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
