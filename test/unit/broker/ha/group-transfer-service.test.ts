import { describe, expect, it } from 'vitest'
import { GroupTransferService } from '../../../../src/broker/ha/group-transfer-service.ts'
import { HeldClock } from '../../../../src/internal/held-clock.ts'

describe('GroupTransferService', () => {
  it('answers whom the slave has reached, and each other one at a deadline of its own', async () => {
    const clock = new HeldClock()
    const service = new GroupTransferService(clock)
    const begin = clock.monotonic()
    const answers: Array<[string, string, number]> = []
    const put = (name: string, offset: number, millis: number): void => {
      void service.put(offset, millis).then((status) => answers.push([name, status, clock.monotonic() - begin]))
    }
    put('a', 100, 2000)
    await clock.advance(500)
    put('b', 200, 2000)
    put('c', 300, 2000)
    service.reached(199)
    await clock.advance(1000)
    service.reached(200)
    await clock.advance(5000)
    expect(answers).toEqual([
      ['a', 'PUT_OK', 500],
      ['b', 'PUT_OK', 1500],
      ['c', 'FLUSH_SLAVE_TIMEOUT', 2500]
    ])
    expect(service.waiting).toBe(0)
    expect(clock.timers, 'no timer without somebody who waits').toBe(0)
  })

  it('a shorter slaveTimeout, set meanwhile, holds for the puts after it', async () => {
    const clock = new HeldClock()
    const service = new GroupTransferService(clock)
    const ended: string[] = []
    void service.put(1, 3000).then(() => ended.push('first'))
    void service.put(2, 100).then(() => ended.push('second'))
    await clock.advance(100)
    expect(ended).toEqual(['second'])
    await clock.advance(2900)
    expect(ended).toEqual(['second', 'first'])
  })

  it('shutdown answers everybody', async () => {
    const clock = new HeldClock()
    const service = new GroupTransferService(clock)
    const put = service.put(1, 3000)
    service.shutdown()
    expect(await put).toBe('FLUSH_SLAVE_TIMEOUT')
    expect(clock.timers).toBe(0)
  })
})
