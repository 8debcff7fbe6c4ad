import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { RPCHook } from '../transport/rpc-hook.ts'
import type { ClientOptions } from './client-options.ts'

/** Adds the same header fields to every request. */
export class ExtFieldRPCHook implements RPCHook {
  readonly #fields: Readonly<Record<string, string>>

  constructor(fields: Readonly<Record<string, string>>) {
    this.#fields = fields
  }

  doBeforeRequest(_addr: string, request: RemotingCommand): void {
    const { extFields } = request
    for (const name of Object.keys(this.#fields)) extFields[name] = this.#fields[name] as string
  }

  doAfterResponse(): void {}
}

/**
 * The fields that the options ask for: namespace of the second kind (`nsd`, `ns`), stream type (`ReqT`), zone (`__ZONE_NAME`,
 * `__ZONE_MODE`). Java's `NamespaceRpcHook`, `StreamTypeRPCHook` and `DynamicalExtFieldRPCHook`; unlike the last one these fields are
 * signed, because the servers check them. Undefined when there are none.
 */
export function optionFieldsHook(options: ClientOptions): ExtFieldRPCHook | undefined {
  const fields = optionFields(options)
  return Object.keys(fields).length === 0 ? undefined : new ExtFieldRPCHook(fields)
}

/** See {@link optionFieldsHook}. */
export function optionFields(options: ClientOptions): Record<string, string> {
  const fields: Record<string, string> = {}
  if (options.namespaceV2) {
    fields['nsd'] = 'true'
    fields['ns'] = options.namespaceV2
  }
  if (options.enableStreamRequestType) fields['ReqT'] = '0'
  const zoneName = (options.zoneName ?? process.env['ROCKETMQ_ZONE'] ?? '').trim()
  const zoneMode = (options.zoneMode ?? process.env['ROCKETMQ_ZONE_MODE'] ?? '').trim()
  if (zoneName !== '') fields['__ZONE_NAME'] = zoneName
  if (zoneMode !== '') fields['__ZONE_MODE'] = zoneMode
  return fields
}
