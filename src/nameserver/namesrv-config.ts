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
}

export const DEFAULT_NAMESRV_CONFIG: Readonly<NamesrvConfig> = {
  scanNotActiveBrokerInterval: 5000,
  orderMessageEnable: false,
  returnOrderTopicConfigToBroker: true,
  supportActingMaster: false,
  deleteTopicWithBrokerRegistration: false,
  enableAllTopicList: true,
  enableTopicList: true
}
