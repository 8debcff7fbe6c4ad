export interface StoredMessage {
  topic: string
  queueId: number
  queueOffset: number
  flag: number
  sysFlag: number
  bodyCRC: number
  /** Whether the stored CRC is that of the stored (possibly compressed) body. */
  crcMatches: boolean
  tags: string | undefined
  keys: string | undefined
  properties: Record<string, string>
  /** Base64 of the body, decompressed. */
  body: string
}

export interface RemotingAnswer {
  code: number
  remark?: string
  extFields?: Record<string, string>
  body: Buffer
}

export interface TopicRoute {
  brokerDatas: { brokerName: string; brokerAddrs: Record<string, string> }[]
  queueDatas: { brokerName: string; readQueueNums: number; writeQueueNums: number; perm: number }[]
}

export interface RemotingRequest {
  code: number
  extFields?: Record<string, string>
  body?: Uint8Array
  flag?: number
  binary?: boolean
}

export declare function encodeFrame(request: RemotingRequest & { opaque: number }): Buffer
export declare function decodeHeader(frame: Buffer): Omit<RemotingAnswer, 'body'> & { opaque: number; flag: number }
export declare function openRemoting(
  addr: string
): Promise<{ invoke(request: RemotingRequest, millis?: number): Promise<RemotingAnswer>; close(): void }>
export declare function topicRoute(namesrvAddr: string, topic: string): Promise<TopicRoute | undefined>
export declare function awaitRoute(namesrvAddr: string, topic: string, millis?: number, brokers?: number): Promise<TopicRoute>
export declare function pullTopic(brokerAddr: string, topic: string, queues: number): Promise<StoredMessage[]>
