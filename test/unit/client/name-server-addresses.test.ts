import { describe, expect, it } from 'vitest'
import { namespaceOfEndpoint, parseNameServerAddresses } from '../../../src/client/name-server-addresses.ts'
import type { MQClientException } from '../../../src/internal/errors.ts'

function errorOf(text: string): MQClientException {
  try {
    parseNameServerAddresses(text)
  } catch (error) {
    return error as MQClientException
  }
  throw new Error(`${text} was accepted`)
}

describe('name server addresses', () => {
  it('producer-61 reads addresses with and without http://, and instance endpoints', () => {
    expect(parseNameServerAddresses('http://127.0.0.1:9876')).toEqual(['127.0.0.1:9876'])
    expect(parseNameServerAddresses('127.0.0.1:9876')).toEqual(['127.0.0.1:9876'])
    expect(namespaceOfEndpoint('http://127.0.0.1:9876')).toBeUndefined()
    for (const endpoint of ['http://MQ_INST_123456789_BXXUzaee.xxx:80', 'MQ_INST_123456789_BXXUzaee.xxx:80']) {
      expect(namespaceOfEndpoint(endpoint)).toBe('MQ_INST_123456789_BXXUzaee')
      expect(parseNameServerAddresses(endpoint)).toEqual(['MQ_INST_123456789_BXXUzaee.xxx:80'])
    }
  })

  it('net-N14 reads lists, arrays, names and IPv6 addresses, each once', () => {
    expect(parseNameServerAddresses('a:1; b:2 ;a:1;')).toEqual(['a:1', 'b:2'])
    expect(parseNameServerAddresses(['a:1', 'http://b:2/', 'c:3;d:4'])).toEqual(['a:1', 'b:2', 'c:3', 'd:4'])
    expect(parseNameServerAddresses('[::1]:9876;fe80::1:9877')).toEqual(['[::1]:9876', '[fe80::1]:9877'])
    expect(parseNameServerAddresses(undefined)).toEqual([])
    expect(parseNameServerAddresses(' ; ')).toEqual([])
  })

  it('producer-31 names the text that is no address, and says that lists are not fetched', () => {
    expect(errorOf('a:1;localhost').message).toContain('"localhost" is not an address')
    expect(errorOf('a:70000').code).toBe('BAD_ADDRESS')
    const page = errorOf('http://jmenv.example.com:8080/rocketmq/nsaddr')
    expect(page.message).toContain('web page')
    expect(page.hint).toContain('not fetched over HTTP')
  })
})
