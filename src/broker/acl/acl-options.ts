/** `PUB` to send, `SUB` to consume. */
export type AclPermission = 'DENY' | 'PUB' | 'SUB' | 'PUB|SUB'

/** A user; an entry of `accounts` in RocketMQ's `plain_acl.yml`. */
export interface PlainAccount {
  /** Longer than 6 characters. */
  accessKey: string
  /** Longer than 6 characters. */
  secretKey: string
  /** From here the user needs no signature: addresses as in `globalWhiteRemoteAddresses`, separated by commas. @default nowhere */
  whiteRemoteAddress?: string
  /** May do what changes the broker, and everything that has no permission of its own. @default false */
  admin?: boolean
  /** For topics that `topicPerms` does not name. @default DENY */
  defaultTopicPerm?: AclPermission
  /** For groups that `groupPerms` does not name. @default DENY */
  defaultGroupPerm?: AclPermission
  /** `topicA=DENY`, `topicB=PUB|SUB`, `topicC=SUB` ... */
  topicPerms?: readonly string[]
  /** `groupA=DENY`, `groupB=SUB` ... */
  groupPerms?: readonly string[]
}

/** ACL 1.0 of RocketMQ 4.4 to 5.3.2, as `plain_acl.yml` says it. Every request to a broker needs a signature then. */
export interface AclOptions {
  /** The users; at least one, or nobody gets in. */
  accounts: readonly PlainAccount[]
  /**
   * From here nobody needs a signature: `192.168.0.1`, `10.1.*.*`, `10.1.2.3-9`, `10.1.2.{3,7}`, `::1`, `*`.
   * @default nowhere
   */
  globalWhiteRemoteAddresses?: readonly string[]
  /**
   * Refuse a send whose signature was seen within the last five minutes, or whose born time is further from the broker's: the signature
   * alone does not keep a recorded request from being sent again. RocketMQ has no such thing.
   * @default false
   */
  strict?: boolean
}
