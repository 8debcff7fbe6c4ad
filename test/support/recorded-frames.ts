import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand, SerializeType } from '../../src/protocol/remoting-command.ts'
import { conversations } from '../golden/load.ts'

/** Recorded frames of every kind that real clients sent and real servers answered, each in both serializations. */
export function recordedFrames(dir: 'c2s' | 's2c'): Buffer[] {
  const kinds = new Map<string, Buffer[]>()
  for (const { client, frames } of conversations()) {
    for (const frame of frames) {
      if (frame.dir !== dir || frame.truncated === true || frame.length > 1500) continue
      const kind = `${client} ${frame.requestCode ?? frame.code} ${frame.code}`
      const list = kinds.get(kind) ?? []
      if (list.length < 2) list.push(Buffer.from(frame.hex, 'hex'))
      kinds.set(kind, list)
    }
  }
  return [...kinds.values()].flat().flatMap((frame) => {
    const command = RemotingCommand.decode(frame, 0, frame.length)
    void command.extFields
    command.serializeType = command.serializeType === SerializeType.JSON ? SerializeType.ROCKETMQ : SerializeType.JSON
    return [frame, frameToBuffer(command)]
  })
}
