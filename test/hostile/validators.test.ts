import { writeFileSync } from 'node:fs'
import path from 'node:path'
import vm from 'node:vm'
import { describe, expect, it } from 'vitest'
import { remoteAddressStrategy } from '../../src/broker/acl/remote-address-strategy.ts'
import { createBrokerConfig } from '../../src/broker/broker-config.ts'
import { parseBrokerProperties } from '../../src/broker/broker-properties.ts'
import { parseSubscription } from '../../src/broker/client/subscription.ts'
import { isLegalClientId, isLegalGroup, isLegalTopic, topicNameError } from '../../src/broker/names.ts'
import { alterTopicAttributes } from '../../src/broker/topic/topic-attributes.ts'
import { resolveCredentials } from '../../src/client/credentials.ts'
import { namespaceOfEndpoint, parseNameServerAddresses } from '../../src/client/name-server-addresses.ts'
import { withoutNamespace, wrapNamespace } from '../../src/client/namespace-util.ts'
import { parseAddress } from '../../src/internal/address.ts'
import { HostSet } from '../../src/internal/host-set.ts'
import { logText, silentLogger } from '../../src/internal/logger.ts'
import { decodeTraceData } from '../../src/producer/trace/trace-data-encoder.ts'
import { checkGroup, checkTopic } from '../../src/producer/validators.ts'
import { parseFastjson } from '../../src/protocol/fastjson.ts'
import { parseInt32, parseInt64 } from '../../src/protocol/header-fields.ts'
import { decodeOffsetMsgId, decodeUniqId } from '../../src/protocol/message-id.ts'
import { decodeProperties } from '../../src/protocol/properties.ts'
import { decodeRecallHandle } from '../../src/protocol/recall-message-handle.ts'
import { parseDelayLevels } from '../../src/store/delay-levels.ts'
import { createMessageStoreConfig } from '../../src/store/message-store-config.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MILLION = 1_000_000
const repeated = (unit: string): string => unit.repeat(MILLION / unit.length)

/** `npm run torture` tries each run in every place, alone and ended by something that does not belong there. */
const ALL = process.env.TORTURE !== undefined

const UNITS = [
  'a',
  ' ',
  '=',
  '.',
  ',',
  '/',
  '{',
  '\u0001',
  ':',
  ';',
  '%',
  '|',
  '0',
  '-',
  '}',
  '[',
  '\\',
  '"',
  '\u0002',
  '\n',
  '\t'
]
const LISTS = [
  '1.2.3.4,',
  'a || ',
  '1s ',
  'a=b,',
  '%RETRY%',
  '||',
  '{1,',
  ',}',
  '127.0.0.1:1;',
  '04;',
  '"a":',
  '[]',
  '\u0001\u0002',
  '+a=b,-'
]

/** Runs that a careless expression walks again from each of their characters. */
const HOSTILE: readonly string[] = [
  ...(ALL ? UNITS : UNITS.slice(0, 8)).map((unit) => `a=${repeated(unit)}!`),
  ...(ALL ? UNITS.flatMap((unit) => [repeated(unit), `${repeated(unit)}!`, `1${repeated(unit)}\u0000`]) : [`${repeated('=')}!`]),
  ...(ALL ? LISTS : LISTS.slice(0, 3)).map(repeated)
]

/** Everything that looks at a text from outside, be it of a request, an answer, an option or a file. */
const VALIDATORS: Record<string, (text: string) => unknown> = {
  topicNameError,
  isLegalTopic,
  isLegalGroup,
  isLegalClientId,
  checkTopic,
  checkGroup,
  alterTopicAttributes: (text) => alterTopicAttributes(undefined, text),
  parseSubscription: (text) => parseSubscription('T', text, 'TAG'),
  decodeRecallHandle,
  decodeOffsetMsgId,
  decodeUniqId: (text) => decodeUniqId(text),
  decodeProperties,
  decodeTraceData,
  parseFastjson,
  parseInt32: (text) => parseInt32(text, 'n'),
  parseInt64: (text) => parseInt64(text, 'n'),
  parseAddress,
  parseNameServerAddresses,
  namespaceOfEndpoint,
  wrapNamespace: (text) => wrapNamespace('ns', text),
  withoutNamespace: (text) => withoutNamespace(text, 'ns'),
  HostSet: (text) => new HostSet([text]),
  remoteAddressStrategy,
  parseDelayLevels,
  deleteWhen: (text) => createMessageStoreConfig({ deleteWhen: text }),
  brokerName: (text) => createBrokerConfig({ brokerName: text }),
  regionId: (text) => createBrokerConfig({ regionId: text }),
  parseBrokerProperties: (text) => parseBrokerProperties([['transactionCheckMax', text]]),
  logText
}

/** One that is linear takes seconds for all of them, one that is not minutes or years. */
const LONGEST_MILLIS = 60_000

/** Work without a pause, ended when it takes too long: the time limit of a test cannot, and V8 looks at this one within an expression, too. */
function bounded(work: () => void): void {
  vm.runInNewContext('work()', { work }, { timeout: LONGEST_MILLIS })
}

describe('every validator on a million characters', () => {
  it.each(Object.entries(VALIDATORS))('security-X5 %s ends', { timeout: 2 * LONGEST_MILLIS }, (_, validate) => {
    bounded(() => {
      for (const text of HOSTILE) {
        try {
          validate(text)
        } catch (error) {
          // Refused is as good as accepted; but not with the whole text.
          expect((error as Error).message.length).toBeLessThan(2000)
        }
      }
    })
  })

  it('security-X5 a key file ends, too', () => {
    const file = path.join(tempFolder(), 'keys')
    for (const line of [`AccessKey=x${repeated(' ')}y`, repeated(' '), `${repeated('a')} `, `a${repeated(' ')}!`]) {
      writeFileSync(file, line, { mode: 0o600 })
      expect(() => resolveCredentials({ keyFile: file }, silentLogger)).toThrow('needs the lines AccessKey')
    }
  })
})
