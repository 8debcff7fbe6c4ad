import type { TestProject } from 'vitest/node'
import { buildJava, type RealCluster, startRealCluster } from './harness/java.js'
import { buildGo, hasGo, installNodePeer } from './harness/tools.js'
import { comparedWith, OUR_MODES, PEERS, QUEUES, REQUEST_TOPICS, topicOf } from './support.ts'

declare module 'vitest' {
  interface ProvidedContext {
    real: Pick<RealCluster, 'namesrvAddr' | 'brokerAddr' | 'home'>
  }
}

/** Topics exist from the start: ali-ons does not create any, and a topic of its own keeps each case's messages apart. */
const topics = Object.fromEntries(
  [...PEERS, ...PEERS.map(comparedWith), ...OUR_MODES, 'command', 'delay', 'java-delay', 'transactions', ...REQUEST_TOPICS].map(
    (name) => [topicOf(name), QUEUES]
  )
)

/** One real name server and broker for the whole suite. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await Promise.all([buildJava(), installNodePeer(), hasGo() ? buildGo('consumers') : undefined])
  // A broker answers "busy" for what waited longer than this in its queue, which a loaded machine alone brings about.
  const brokerConfig = {
    waitTimeMillsInSendQueue: 20_000,
    traceTopicEnable: true,
    recallMessageEnable: true,
    enablePropertyFilter: true,
    // Open transactions are asked about soon, and later than it is noted which ones were ended.
    transactionCheckInterval: 2000,
    transactionTimeOut: 1000,
    transactionOpBatchInterval: 100
  }
  const cluster = await startRealCluster({ topics, brokerConfig })
  const { namesrvAddr, brokerAddr, home } = cluster
  project.provide('real', { namesrvAddr, brokerAddr, home })
  return () => cluster.stop()
}
