import type { StruckFault } from '../internal/fault-table.ts'
import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'
import { frameToBuffer } from '../protocol/outgoing-frame.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import type { Connection } from './connection.ts'

const SYSTEM_ERROR = 1
const TOPIC_NOT_EXIST = 17
/** Opaques count up from 0: nobody has one with this bit. */
const FOREIGN_OPAQUE = 0x4000_0000

/** What a fault may do instead of the ordinary course. */
interface FaultCourse {
  /** The ordinary course. */
  proceed(): void
  /** Answers with a code instead. */
  answer(code: number, remark: string | undefined, body?: Buffer): void
  /** Waits so long before the ordinary course, or as long as is allowed before a refusal. */
  queue(millis: number): void
}

/** Plays a fault of the point `request` or `response`; `response` is what gets damaged. */
export function applyFault(struck: StruckFault, connection: Connection, response: OutgoingFrame, course: FaultCourse): void {
  const { action } = struck
  switch (action.kind) {
    case 'respond': {
      const body = typeof action.body === 'function' ? action.body(struck.context) : action.body
      if (body === undefined && action.body !== undefined) course.answer(TOPIC_NOT_EXIST, 'No topic route info (fault)')
      else course.answer(action.code, action.remark, body && Buffer.from(body))
      break
    }
    case 'fail':
      course.answer(SYSTEM_ERROR, action.message ?? 'injected fault')
      break
    case 'delay':
      later(connection, action.millis, course.proceed)
      break
    case 'queue':
      course.queue(action.millis)
      break
    case 'hold':
      void struck.released.then(course.proceed)
      break
    case 'close':
      if (action.when === 'after') {
        course.proceed()
        closeBehindAnswer(connection)
      } else connection.close()
      break
    case 'truncate':
      connection.sendRaw(frameToBuffer(response).subarray(0, action.bytes))
      closeBehindAnswer(connection)
      break
    case 'halfOpen':
      connection.mute()
      break
    case 'garbageHeader': {
      const bytes = frameToBuffer(response)
      bytes.fill(0xfe, 8, 8 + (bytes.readInt32BE(4) & 0xffffff))
      connection.sendRaw(bytes)
      break
    }
    case 'oversizedLength': {
      const bytes = frameToBuffer(response)
      bytes.writeInt32BE(0x7fff_ffff, 0)
      connection.sendRaw(bytes)
      break
    }
    case 'duplicate':
      course.proceed()
      course.proceed()
      break
    case 'wrongOpaque': {
      const bytes = frameToBuffer(response)
      const stray = RemotingCommand.decode(bytes, 0, bytes.length)
      stray.opaque = stray.opaque ^ FOREIGN_OPAQUE
      connection.send(stray)
      break
    }
    case 'call':
      action.run(struck.context)
      break
    case 'drop':
      break
  }
}

/** Calls `work` after `millis`, unless the connection is closed by then. @param gone is called then instead. */
export function later(connection: Connection, millis: number, work: () => void, gone?: () => void): void {
  const timer = connection.clock.setTimeout(() => {
    stopListening()
    work()
  }, millis)
  const stopListening = connection.onClose(() => {
    timer.cancel()
    gone?.()
  })
}

/** A connection that is closed at once loses what its socket has not taken yet. */
function closeBehindAnswer(connection: Connection): void {
  const close = (): void => connection.close()
  connection.handedOver().then(close, close)
}
