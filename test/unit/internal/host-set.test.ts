import { describe, expect, it } from 'vitest'
import { HostSet } from '../../../src/internal/host-set.ts'

describe('a set of hosts', () => {
  it('holds names, suffixes, addresses and networks', () => {
    const set = new HostSet(['broker.test', '*.mq.test', '10.1.0.0/16', '192.168.7.9', 'fd00::/8', '[::1]'])
    for (const host of [
      'broker.test',
      'BROKER.test',
      'a.mq.test',
      '10.1.2.3',
      '192.168.7.9',
      'fd12::1',
      '::1',
      '0:0:0:0:0:0:0:1'
    ]) {
      expect([host, set.has(host)]).toEqual([host, true])
    }
    for (const host of ['mq.test', 'evilmq.test', 'x.broker.test', '10.2.0.1', '192.168.7.8', '169.254.169.254', '::2', '']) {
      expect([host, set.has(host)]).toEqual([host, false])
    }
    expect(new HostSet(['*']).has('anything')).toBe(true)
    expect(new HostSet([]).has('127.0.0.1')).toBe(false)
  })

  it('refuses what is none', () => {
    for (const entry of ['10.0.0.0/33', '::/129', '10.0.0.1/x', 'a b', '', 'http://x']) {
      expect(() => new HostSet([entry])).toThrow(/is neither a host name, an address nor a network/)
    }
  })
})
