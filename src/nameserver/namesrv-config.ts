/** RocketMQ's own property names, as far as they are served; Java's `NamesrvConfig`. */
export interface NamesrvConfig {
  /** How often dead brokers are looked for, ms. @default 5000 */
  scanNotActiveBrokerInterval: number
  /** Whether routes carry the order configuration of the kv table. @default false */
  orderMessageEnable: boolean
  /** Whether registrations are answered with the order configuration. @default true */
  returnOrderTopicConfigToBroker: boolean
  /** Whether the slave with the smallest id stands in for a master that is gone. @default false */
  supportActingMaster: boolean
  /** Whether a topic is removed from a broker that registers without it. @default false */
  deleteTopicWithBrokerRegistration: boolean
  /** Whether request 206 lists topics. @default true */
  enableAllTopicList: boolean
  /** Whether requests 3xx list topics. @default true */
  enableTopicList: boolean
  /** Most addresses of brokers. Java has no such limit. @default 1000 */
  maxBrokerNum: number
  /** Most topics, counted once for each broker that has them. Java has no such limit. @default 1000000 */
  maxRouteNum: number
  /** Most keys in all namespaces; long ones count once more for every 1024 characters. Java has no such limit. @default 10000 */
  maxKvConfigNum: number
  /** Most connections; further ones are closed at once. Java has no such limit. @default 20000 */
  maxConnectionNum: number
}

export const DEFAULT_NAMESRV_CONFIG: Readonly<NamesrvConfig> = {
  scanNotActiveBrokerInterval: 5000,
  orderMessageEnable: false,
  returnOrderTopicConfigToBroker: true,
  supportActingMaster: false,
  deleteTopicWithBrokerRegistration: false,
  enableAllTopicList: true,
  enableTopicList: true,
  maxBrokerNum: 1000,
  maxRouteNum: 1_000_000,
  maxKvConfigNum: 10_000,
  maxConnectionNum: 20_000
}
