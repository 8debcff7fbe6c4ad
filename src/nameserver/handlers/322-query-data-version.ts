import { RemotingCommandException } from '../../internal/errors.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { emptyExtFields } from '../../protocol/remoting-command.ts'
import { decodeDataVersion, encodeDataVersion } from '../../protocol/topic-config.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** QUERY_DATA_VERSION: header `clusterName`, `brokerAddr`, body a data version; answers `changed` and the version known here. */
export function queryDataVersion({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const clusterName = requiredText(request.extFields, 'clusterName')
    const brokerAddr = requiredText(request.extFields, 'brokerAddr')
    if (request.body === undefined)
      throw new RemotingCommandException('the body with the data version is missing', { code: 'BAD_BODY' })
    const fields = emptyExtFields()
    fields['changed'] = String(routes.isBrokerTopicConfigChanged(clusterName, brokerAddr, decodeDataVersion(request.body)))
    routes.touch(clusterName, brokerAddr)
    const known = routes.dataVersion(clusterName, brokerAddr)
    return success(request, known === undefined ? undefined : encodeDataVersion(known), fields)
  }
}
