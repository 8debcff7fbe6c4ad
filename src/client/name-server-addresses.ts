import { formatAddress, parseAddress } from '../internal/address.ts'
import { MQClientException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'

const SCHEME = /^\w+:\/\//
const INSTANCE_ENDPOINT = /^(?:\w+:\/\/)?(MQ_INST_\w+_\w+)\../

/**
 * The addresses in `namesrvAddr`: split at `;` or `,`, a scheme such as `http://` removed, duplicates dropped. Host names stay names;
 * they are resolved whenever a connection is opened.
 * @throws MQClientException naming the text that is no address.
 */
export function parseNameServerAddresses(namesrvAddr: string | readonly string[] | undefined): string[] {
  const texts = typeof namesrvAddr === 'string' ? [namesrvAddr] : (namesrvAddr ?? [])
  const addresses = new Set<string>()
  for (const text of texts) {
    for (const part of text.split(/[;,]/)) {
      if (part.trim() !== '') addresses.add(nameServerAddress(part.trim()))
    }
  }
  return [...addresses]
}

function nameServerAddress(text: string): string {
  const bare = withoutSlashes(text.replace(SCHEME, ''))
  if (bare.includes('/')) {
    throw new MQClientException(`"${logText(text)}" is the address of a web page, not of a name server`, {
      code: 'BAD_ADDRESS',
      hint: 'Lists of name servers are not fetched over HTTP: give the addresses themselves, as host:port;host:port.'
    })
  }
  try {
    const { host, port } = parseAddress(bare)
    return formatAddress(host, port)
  } catch (error) {
    throw new MQClientException(`namesrvAddr: ${(error as Error).message}`, { code: 'BAD_ADDRESS' })
  }
}

function withoutSlashes(text: string): string {
  let end = text.length
  while (text[end - 1] === '/') end--
  return text.slice(0, end)
}

/** The namespace in an instance endpoint such as `http://MQ_INST_1234_abc.example.com:80`; undefined for other addresses. */
export function namespaceOfEndpoint(namesrvAddr: string): string | undefined {
  return INSTANCE_ENDPOINT.exec(namesrvAddr.trim())?.[1]
}
