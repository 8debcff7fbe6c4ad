import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { AclClientRPCHook } from '../../../src/client/acl-client-rpc-hook.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'

const credentials = { accessKey: 'RocketMQ', secretKey: '12345678' }

describe('ACL signing', () => {
  it('producer-63 signs the values of all fields, by name, and the body', () => {
    const request = RemotingCommand.request(310, { topic: 'T', a: '1', ReqT: '0' }, Buffer.from('body'))
    new AclClientRPCHook({ ...credentials, securityToken: 'tok' }).doBeforeRequest('b:1', request)
    const { Signature, ...signed } = request.extFields
    expect(signed).toEqual({ topic: 'T', a: '1', ReqT: '0', AccessKey: 'RocketMQ', SecurityToken: 'tok' })
    // AccessKey, ReqT, SecurityToken, a, topic; then the body.
    expect(Signature).toBe(createHmac('sha1', '12345678').update('RocketMQ0tok1Tbody').digest('base64'))
  })

  it('producer-63 signs a request again without its old signature', () => {
    const hook = new AclClientRPCHook(credentials)
    const request = RemotingCommand.request(34)
    hook.doBeforeRequest('b:1', request)
    const first = request.extFields['Signature']
    hook.doBeforeRequest('b:1', request)
    expect(request.extFields['Signature']).toBe(first)
  })

  it('producer-63 orders names as Java does, and signs OnsChannel and what other hooks add', () => {
    const request = RemotingCommand.request(310, { b: 'B', a: 'A', Z: 'Z', _u: 'U', __ZONE_NAME: 'zone', ä: 'Ä' })
    new AclClientRPCHook({ ...credentials, onsChannel: 'ALIYUN' }).doBeforeRequest('b:1', request)
    expect(request.extFields['OnsChannel']).toBe('ALIYUN')
    // AccessKey, OnsChannel, Z, __ZONE_NAME, _u, a, b, ä: upper case before underscores before lower case.
    expect(request.extFields['Signature']).toBe(createHmac('sha1', '12345678').update('RocketMQALIYUNZzoneUABÄ').digest('base64'))
  })

  it('producer-63 signs a query by unique key so that brokers of every version agree', () => {
    const request = RemotingCommand.request(12, { topic: 'T', key: 'K', _UNIQUE_KEY_QUERY: 'true' })
    new AclClientRPCHook(credentials).doBeforeRequest('b:1', request)
    // The last version whose field brokers from 5.1.0 on leave out too.
    expect(request.version).toBe(399)
    expect(request.extFields['_UNIQUE_KEY_QUERY']).toBe('true')
    expect(request.extFields['Signature']).toBe(createHmac('sha1', '12345678').update('RocketMQKT').digest('base64'))
  })

  it('producer-63 refuses empty keys', () => {
    expect(() => new AclClientRPCHook({ accessKey: '', secretKey: 'x' })).toThrow('not empty')
    expect(() => new AclClientRPCHook({ accessKey: 'x', secretKey: '' })).toThrow('not empty')
  })

  it('security-X9 prints no key', () => {
    const hook = new AclClientRPCHook({ ...credentials, securityToken: 'tok-1' })
    const text = `${inspect(hook, { depth: 9, showHidden: true })}${JSON.stringify(hook)}${String(hook)}`
    expect(text).not.toMatch(/RocketMQ|12345678|tok-1/)
  })
})
