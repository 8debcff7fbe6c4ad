import { ResponseCode } from '../protocol/codes.ts'
import { type ExtFields, RemotingCommand } from '../protocol/remoting-command.ts'
import type { KVConfigManager } from './kv-config-manager.ts'
import type { NamesrvConfig } from './namesrv-config.ts'
import type { RouteInfoManager } from './route-info-manager.ts'

/** What the handlers of the name server work on. */
export interface HandlerContext {
  readonly routes: RouteInfoManager
  readonly kvConfig: KVConfigManager
  readonly config: NamesrvConfig
}

export function success(request: RemotingCommand, body?: Buffer, extFields?: ExtFields): RemotingCommand {
  return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, extFields, body)
}

export function systemError(request: RemotingCommand, remark: string): RemotingCommand {
  return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, remark)
}

/** Java prints an absent value as `null`. */
export function textOrNull(value: string | undefined): string {
  return value ?? 'null'
}
