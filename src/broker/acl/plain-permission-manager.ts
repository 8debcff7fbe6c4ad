import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../internal/clock.ts'
import { MQClientException } from '../../internal/errors.ts'
import { ACCESS_KEY, aclContent, aclSignature, SIGNATURE, UNIQUE_KEY_QUERY } from '../../protocol/acl-signature.ts'
import type { HostAddress } from '../../protocol/host-address.ts'
import type { RemotingCommand } from '../../protocol/remoting-command.ts'
import { RETRY_PREFIX, TRACE_TOPIC } from '../../protocol/topics.ts'
import type { AclOptions, PlainAccount } from './acl-options.ts'
import { ANY, DENY, type NeededPermissions, neededPermissions, PUB, SUB } from './needed-permissions.ts'
import { type RemoteAddressStrategy, remoteAddressStrategy } from './remote-address-strategy.ts'
import { ReplayGuard } from './replay-guard.ts'

interface Account {
  readonly accessKey: string
  readonly secretKey: string
  readonly isWhite: RemoteAddressStrategy
  readonly admin: boolean
  readonly defaultTopicPerm: number
  readonly defaultGroupPerm: number
  /** By topic, or by `%RETRY%group`; undefined when none is named. */
  readonly perms: ReadonlyMap<string, number> | undefined
}

/** Java refuses shorter ones. */
const SHORTEST_KEY = 7

const PERMISSIONS: ReadonlyMap<string, number> = new Map([
  ['DENY', DENY],
  ['PUB', PUB],
  ['SUB', SUB],
  ['PUB|SUB', PUB | SUB],
  ['SUB|PUB', PUB | SUB]
])

/**
 * Who may do what, by ACL 1.0: Java's `PlainPermissionManager`. The secrets are in private fields, so nothing that prints the broker
 * prints them.
 */
export class PlainPermissionManager {
  readonly #accounts = new Map<string, Account>()
  readonly #isWhite: readonly RemoteAddressStrategy[]
  readonly #replays: ReplayGuard | undefined

  /** @throws MQClientException naming the entry that is wrong, never a secret. */
  constructor(options: AclOptions, clock: Clock) {
    if (!Array.isArray(options.accounts)) throw bad('acl.accounts: an array of accounts is needed')
    this.#isWhite = (options.globalWhiteRemoteAddresses ?? []).map(remoteAddressStrategy)
    options.accounts.forEach((account: PlainAccount, i: number) => {
      const parsed = parseAccount(account, `acl.accounts[${i}]`)
      if (this.#accounts.has(parsed.accessKey)) throw bad(`acl.accounts[${i}]: this accessKey has an account already`)
      this.#accounts.set(parsed.accessKey, parsed)
    })
    if (options.strict === true) this.#replays = new ReplayGuard(clock)
  }

  /**
   * Why a request is refused, in Java's words; undefined when it may be served.
   * @throws RemotingCommandException when its body cannot be read.
   */
  refusal(request: RemotingCommand, remote: HostAddress): string | undefined {
    if (this.#isWhite.some((matches) => matches(remote))) return undefined
    const accessKey = request.extFields[ACCESS_KEY]
    if (accessKey === undefined) return 'No accessKey is configured'
    const account = this.#accounts.get(accessKey)
    if (account === undefined) return `No acl config for ${accessKey.slice(0, 64)}`
    if (account.isWhite(remote)) return undefined
    if (!isSigned(request, account.secretKey)) return `Check signature failed for accessKey=${accessKey}`
    const replay = this.#replays?.refusal(request)
    if (replay !== undefined) return replay
    return missingPermission(account, request)
  }
}

function isSigned(request: RemotingCommand, secretKey: string): boolean {
  const { extFields, body } = request
  const given = Buffer.from(extFields[SIGNATURE] ?? '', 'utf8')
  const equals = (content: Buffer): boolean => {
    const expected = Buffer.from(aclSignature(secretKey, content), 'utf8')
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
  // Brokers differ on this field, and so do clients: either way is taken.
  return (
    equals(aclContent(extFields, body)) ||
    (UNIQUE_KEY_QUERY in extFields && equals(aclContent(extFields, body, UNIQUE_KEY_QUERY)))
  )
}

function missingPermission(account: Account, request: RemotingCommand): string | undefined {
  const needed = neededPermissions(request)
  if (needed === undefined) {
    if (account.admin) return undefined
    return `Need admin permission for request code=${request.code}, but accessKey=${account.accessKey} is not`
  }
  // Whoever may do anything at all may be traced.
  if (needed.get(TRACE_TOPIC) === PUB) return undefined
  if (account.perms === undefined && account.admin) return undefined
  return deniedResource(account, needed)
}

function deniedResource(account: Account, needed: NeededPermissions): string | undefined {
  for (const [name, permission] of needed) {
    const isGroup = name.startsWith(RETRY_PREFIX)
    const owned = account.perms?.get(name) ?? (isGroup ? account.defaultGroupPerm : account.defaultTopicPerm)
    if (!isPermitted(permission, owned)) {
      return `No default permission for ${isGroup ? `group:${name.slice(RETRY_PREFIX.length)}` : `topic:${name}`}`
    }
  }
  return undefined
}

function isPermitted(needed: number, owned: number): boolean {
  if ((owned & DENY) !== 0) return false
  return (owned & (needed === ANY ? PUB | SUB : needed)) !== 0
}

function parseAccount(account: PlainAccount, where: string): Account {
  const { accessKey, secretKey } = account
  for (const [name, key] of [
    ['accessKey', accessKey],
    ['secretKey', secretKey]
  ]) {
    if (typeof key !== 'string' || key.length < SHORTEST_KEY)
      throw bad(`${where}: ${name} has to be text of at least ${SHORTEST_KEY} characters`)
  }
  const perms = new Map<string, number>()
  for (const text of account.topicPerms ?? []) addPerm(perms, '', text, `${where}.topicPerms`)
  for (const text of account.groupPerms ?? []) addPerm(perms, RETRY_PREFIX, text, `${where}.groupPerms`)
  return {
    accessKey,
    secretKey,
    isWhite: remoteAddressStrategy(account.whiteRemoteAddress),
    admin: account.admin === true,
    defaultTopicPerm: permission(account.defaultTopicPerm ?? 'DENY', `${where}.defaultTopicPerm`),
    defaultGroupPerm: permission(account.defaultGroupPerm ?? 'DENY', `${where}.defaultGroupPerm`),
    perms: perms.size === 0 ? undefined : perms
  }
}

function addPerm(perms: Map<string, number>, prefix: string, text: string, where: string): void {
  const at = text.lastIndexOf('=')
  if (at <= 0) throw bad(`${where}: "${text}" has to be name=permission`)
  perms.set(prefix + text.slice(0, at).trim(), permission(text.slice(at + 1).trim(), where))
}

function permission(text: string, where: string): number {
  const bits = PERMISSIONS.get(text)
  if (bits === undefined) throw bad(`${where}: "${text}" is no permission: allowed are DENY, PUB, SUB and PUB|SUB`)
  return bits
}

function bad(message: string): MQClientException {
  return new MQClientException(message, { code: 'BAD_OPTION' })
}
