import type { StruckFault } from '../internal/fault-table.ts'
import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'
import { frameToBuffer } from '../protocol/outgoing-frame.ts'
import type { Connection } from './connection.ts'

const SYSTEM_ERROR = 1

/** What a fault may do instead of the ordinary course. */
interface FaultCourse {
  /** The ordinary course. */
  proceed(): void
  /** Answers with a code instead. */
  answer(code: number, remark: string | undefined): void
}

/** Plays a fault of the point `request` or `response`; `response` is what gets truncated. */
export function applyFault(struck: StruckFault, connection: Connection, response: OutgoingFrame, course: FaultCourse): void {
  const { action } = struck
  switch (action.kind) {
    case 'respond':
      course.answer(action.code, action.remark)
      break
    case 'fail':
      course.answer(SYSTEM_ERROR, action.message ?? 'injected fault')
      break
    case 'delay': {
      const timer = connection.clock.setTimeout(course.proceed, action.millis)
      connection.onClose(() => timer.cancel())
      break
    }
    case 'hold':
      void struck.released.then(course.proceed)
      break
    case 'close':
      if (action.when === 'after') course.proceed()
      connection.close()
      break
    case 'truncate':
      connection.sendRaw(frameToBuffer(response).subarray(0, action.bytes))
      connection.close()
      break
    case 'drop':
      break
  }
}
