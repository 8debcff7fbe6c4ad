import { describe, expect, it } from 'vitest'
import { buildClientId, localAddress } from '../../../src/client/client-id.ts'
import { brokerVIPChannel } from '../../../src/client/vip-channel.ts'

describe('client id', () => {
  it('joins address, instance name and unit', () => {
    expect(buildClientId('10.0.0.1', { instanceName: 'orders' })).toBe('10.0.0.1@orders')
    expect(buildClientId('10.0.0.1', { instanceName: 'orders', unitName: 'u1' })).toBe('10.0.0.1@orders@u1')
    expect(buildClientId('10.0.0.1', { instanceName: 'orders', unitName: ' ' })).toBe('10.0.0.1@orders')
  })

  it('the default instance name differs at each call and names the process', () => {
    const ids = new Set([{}, { instanceName: 'DEFAULT' }, { instanceName: '' }].map((options) => buildClientId('h', options)))
    expect(ids.size).toBe(3)
    for (const id of ids) expect(id).toMatch(new RegExp(`^h@${process.pid}#\\d{10,20}$`))
  })

  it('finds an address of this host', () => {
    expect(localAddress()).toMatch(/^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\])$/)
    expect(localAddress()).toBe(localAddress())
  })

  it('the VIP channel is two ports below, when it is on', () => {
    expect(brokerVIPChannel(true, '10.0.0.1:10911')).toBe('10.0.0.1:10909')
    expect(brokerVIPChannel(true, '[::1]:10911')).toBe('[::1]:10909')
    expect(brokerVIPChannel(false, '10.0.0.1:10911')).toBe('10.0.0.1:10911')
    expect(brokerVIPChannel(true, '10.0.0.1:2')).toBe('10.0.0.1:2')
  })
})
