import { describe, expect, it } from 'vitest'
import { RebalanceLockManager } from '../../../src/broker/client/rebalance-lock-manager.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { MessageQueue } from '../../../src/protocol/message-queue.ts'

const queue = (queueId: number): MessageQueue => new MessageQueue('T', 'broker-a', queueId)

describe('locks of orderly consumers', () => {
  it('store-57 the first lock is granted, refreshed for its owner, refused to others until it expires', async () => {
    const clock = new HeldClock()
    const locks = new RebalanceLockManager(clock, 1000)
    expect(locks.isLockAllExpired('G'), 'an unknown group holds nothing').toBe(true)
    expect(locks.tryLockBatch('G', [queue(0), queue(1)], 'c1')).toHaveLength(2)
    expect(locks.isLockAllExpired('G')).toBe(false)
    expect(locks.tryLockBatch('G', [queue(1), queue(2)], 'c2').map(({ queueId }) => queueId)).toEqual([2])
    await clock.advance(40_000)
    expect(locks.tryLockBatch('G', [queue(0)], 'c1')).toHaveLength(1)
    await clock.advance(20_001)
    expect(
      locks.tryLockBatch('G', [queue(0), queue(1)], 'c2').map(({ queueId }) => queueId),
      'only what was not refreshed'
    ).toEqual([1])
    await clock.advance(60_001)
    expect(locks.isLockAllExpired('G')).toBe(true)
  })

  it('store-57 only the owner gives a lock back, and groups do not see each other', () => {
    const locks = new RebalanceLockManager(new HeldClock(), 1000)
    locks.tryLockBatch('G', [queue(0)], 'c1')
    locks.unlockBatch('G', [queue(0)], 'c2')
    expect(locks.tryLockBatch('G', [queue(0)], 'c2')).toHaveLength(0)
    expect(locks.tryLockBatch('H', [queue(0)], 'c2')).toHaveLength(1)
    locks.unlockBatch('G', [queue(0)], 'c1')
    expect(locks.tryLockBatch('G', [queue(0)], 'c2')).toHaveLength(1)
  })
})
