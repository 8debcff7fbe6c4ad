import { MQClientException } from '../internal/errors.ts'

/** An option as other clients call it, in lower case and without Go's `With`: what it is called here, and what else there is to know. */
export type ForeignNames = ReadonlyMap<string, readonly [name: string, note?: string]>

/** Of a producer. */
const FOREIGN: ForeignNames = new Map([
  // ali-ons
  ['namesrv', ['namesrvAddr']],
  ['namesrvaddress', ['namesrvAddr']],
  ['onsaddr', ['namesrvAddr', 'give the addresses themselves: they are not fetched over HTTP']],
  ['accesskeyid', ['credentials', 'credentials: { accessKey, secretKey }']],
  ['accesskeysecret', ['credentials', 'credentials: { accessKey, secretKey }']],
  ['accesskey', ['credentials', 'credentials: { accessKey, secretKey }']],
  ['secretkey', ['credentials', 'credentials: { accessKey, secretKey }']],
  ['pollnameserverinteval', ['pollNameServerInterval']],
  // Go
  ['nameserver', ['namesrvAddr']],
  ['nameservers', ['namesrvAddr']],
  ['nsresolver', ['namesrvAddr', 'host:port;host:port']],
  ['nameserverdomain', ['namesrvAddr', 'give the addresses themselves: they are not fetched over HTTP']],
  ['groupname', ['producerGroup']],
  ['group', ['producerGroup']],
  ['retry', ['retryTimesWhenSendFailed', 'a number; retryTimesWhenSendAsyncFailed for sends with a callback']],
  ['instance', ['instanceName']],
  ['vipchannel', ['vipChannelEnabled']],
  ['unit', ['unitName']],
  ['trace', ['enableTrace']],
  ['queueselector', ['selector', 'an option of each send']],
  ['interceptor', ['registerSendMessageHook', 'a method of the producer']],
  // C++, its Node add-on, and the gRPC clients
  ['groupid', ['producerGroup']],
  ['endpoints', ['namesrvAddr', 'the addresses of name servers, not those of a proxy']],
  ['sessioncredentials', ['credentials', 'credentials: { accessKey, secretKey, securityToken }']],
  ['sessioncredentialsprovider', ['credentials', 'credentials: { accessKey, secretKey, securityToken }']],
  ['sendmessagetimeout', ['sendMsgTimeout', 'ms']],
  ['maxattempts', ['retryTimesWhenSendFailed', 'attempts less one']],
  ['acl', ['credentials', 'credentials: { accessKey, secretKey }']],
  ['aclclientrpchook', ['credentials', 'credentials: { accessKey, secretKey }']],
  ['enablemsgtrace', ['enableTrace']],
  ['customizedtracetopic', ['traceTopic']],
  ['sendtimeout', ['sendMsgTimeout', 'ms']],
  ['sendtimeoutms', ['sendMsgTimeout', 'ms']],
  ['sendtimeoutmillis', ['sendMsgTimeout', 'ms']],
  ['sendmsgtimeoutmillis', ['sendMsgTimeout', 'ms']],
  ['retrytimes', ['retryTimesWhenSendFailed', 'a number; retryTimesWhenSendAsyncFailed for sends with a callback']],
  ['maxretries', ['retryTimesWhenSendFailed', 'a number; retryTimesWhenSendAsyncFailed for sends with a callback']],
  ['sslenabled', ['useTLS']],
  ['tlsenable', ['useTLS']],
  ['tlsenabled', ['useTLS']],
  // kafkajs
  ['clientid', ['instanceName', 'producerGroup names the application']],
  ['brokers', ['namesrvAddr', 'the addresses of name servers: they tell where the brokers are']],
  ['bootstrapservers', ['namesrvAddr', 'the addresses of name servers: they tell where the brokers are']],
  ['requesttimeout', ['sendMsgTimeout', 'ms']],
  ['timeout', ['sendMsgTimeout', 'ms']],
  ['connectiontimeout', ['connectTimeout', 'ms']],
  ['ssl', ['tls', 'tls: { ca, cert, key }']],
  ['sasl', ['credentials', 'credentials: { accessKey, secretKey }']],
  ['loglevel', ['logger', 'an object with debug, info, warn, error']],
  ['logcreator', ['logger', 'an object with debug, info, warn, error']],
  ['maxinflightrequests', ['backPressureForAsyncSendNum']],
  ['retries', ['retryTimesWhenSendFailed', 'a number']]
])

/**
 * An option of the wrong name does nothing, and nobody notices: names of other clients and slips of the pen are refused with the right
 * name. Names that are like none stay: a producer built on this one may have options of its own.
 * @throws MQClientException (`BAD_OPTION`)
 */
export function refuseForeignNames(options: object, known: readonly string[], foreignNames = FOREIGN): void {
  const names = new Set(known)
  for (const name of Object.keys(options)) {
    if (names.has(name)) continue
    const foreign = foreignNames.get(name.toLowerCase().replace(/^with(?=.)/, ''))
    const right = foreign?.[0] ?? nearest(name, known)
    if (right === undefined) continue
    const note = foreign?.[1] === undefined ? '' : ` (${foreign[1]})`
    throw new MQClientException(`there is no option ${name.slice(0, 64)}: use ${right}${note}`, { code: 'BAD_OPTION' })
  }
}

/** The name that was meant: the same letters in another case, or one slip in a name of some length. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase().replace(/^with(?=.)|^set(?=.)/, '')
  return (
    known.find((each) => each.toLowerCase() === lower) ??
    (lower.length < 6 || lower.length > 64 ? undefined : known.find((each) => isOneSlip(lower, each.toLowerCase())))
  )
}

/** Whether one letter is missing, too many, another one, or two neighbours are swapped. */
function isOneSlip(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  if (a.length === b.length) {
    return a.slice(i + 1) === b.slice(i + 1) || (a[i] === b[i + 1] && a[i + 1] === b[i] && a.slice(i + 2) === b.slice(i + 2))
  }
  return a.length > b.length ? a.slice(i + 1) === b.slice(i) : a.slice(i) === b.slice(i + 1)
}
