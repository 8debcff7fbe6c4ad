import { describe, expect, it } from 'vitest'
import { MQClientException } from '../../../src/internal/errors.ts'
import type { CheckForbiddenContext } from '../../../src/producer/check-forbidden-hook.ts'
import { ProducerHooks } from '../../../src/producer/hooks.ts'
import type { SendMessageContext } from '../../../src/producer/send-message-context.ts'
import { LinesLogger } from '../../support/remoting.ts'
import { nextTurn } from '../../support/turns.ts'

const context = {} as SendMessageContext
const forbidden = {} as CheckForbiddenContext

describe('hooks', () => {
  it('a hook that throws or rejects is logged, and the next one runs', async () => {
    const logger = new LinesLogger()
    const hooks = new ProducerHooks(logger)
    const ran: string[] = []
    hooks.registerSendMessageHook({
      hookName: 'bad',
      sendMessageBefore() {
        throw new Error('before!')
      },
      sendMessageAfter: (async () => {
        throw new Error('after!')
      }) as () => void
    })
    hooks.registerSendMessageHook({
      hookName: 'good',
      sendMessageBefore: () => void ran.push('before'),
      sendMessageAfter: () => void ran.push('after')
    })
    hooks.before(context)
    hooks.after(context)
    await nextTurn()
    expect(ran).toEqual(['before', 'after'])
    expect(logger.lines.join('\n')).toContain('hook bad failed in sendMessageBefore: before!')
    expect(logger.lines.join('\n')).toContain('after!')
  })

  it('a check that throws our error passes it on; anything else becomes the cause of one', () => {
    const own = new MQClientException('not here')
    const hooks = new ProducerHooks(new LinesLogger())
    let next: unknown = own
    hooks.registerCheckForbiddenHook({
      hookName: 'gate',
      checkForbidden() {
        throw next
      }
    })
    expect(() => hooks.checkForbidden(forbidden)).toThrow(own)
    next = 'a text'
    expect(() => hooks.checkForbidden(forbidden)).toThrow('hook gate forbids this send: a text')
  })
})
