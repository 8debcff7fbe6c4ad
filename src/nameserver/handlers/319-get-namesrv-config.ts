import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** GET_NAMESRV_CONFIG: body `name=value` lines. */
export function getNamesrvConfig({ config }: HandlerContext): RequestHandler {
  return (request) => {
    const lines = Object.entries(config).map(([name, value]) => `${name}=${value}\n`)
    return success(request, Buffer.from(lines.join('')))
  }
}
