import { describe, expect, it } from 'vitest'
import { optionFieldsHook } from '../../../src/client/ext-field-rpc-hook.ts'
import { withoutNamespace, wrapNamespace } from '../../../src/client/namespace-util.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'

describe('namespaces', () => {
  it('producer-62 wraps once, keeps prefixes, leaves system topics alone', () => {
    expect(wrapNamespace('ns', 'T')).toBe('ns%T')
    expect(wrapNamespace('ns', 'ns%T')).toBe('ns%T')
    expect(wrapNamespace('ns', '%RETRY%g')).toBe('%RETRY%ns%g')
    expect(wrapNamespace('ns', '%RETRY%ns%g')).toBe('%RETRY%ns%g')
    expect(wrapNamespace('ns', '%DLQ%g')).toBe('%DLQ%ns%g')
    for (const name of ['rmq_sys_x', 'TBW102', 'RMQ_SYS_TRACE_TOPIC', 'CID_RMQ_SYS_x', ''])
      expect(wrapNamespace('ns', name)).toBe(name)
    expect(wrapNamespace(undefined, 'T')).toBe('T')
    expect(wrapNamespace('', 'T')).toBe('T')
  })

  it('producer-62 unwrapping takes off its own namespace only', () => {
    expect(withoutNamespace('ns%T', 'ns')).toBe('T')
    expect(withoutNamespace('%RETRY%ns%g', 'ns')).toBe('%RETRY%g')
    expect(withoutNamespace('ns%T', 'other')).toBe('ns%T')
    expect(withoutNamespace('ns%T', undefined)).toBe('ns%T')
    expect(withoutNamespace('T', 'ns')).toBe('T')
  })

  it('producer-64 the hook of the second kind adds two fields', () => {
    const request = RemotingCommand.request(310, { a: '1' })
    optionFieldsHook({ namespaceV2: 'ns' })?.doBeforeRequest('b:1', request)
    expect({ ...request.extFields }).toEqual({ a: '1', nsd: 'true', ns: 'ns' })
  })
})
