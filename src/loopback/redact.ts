import { RemotingCommand } from '../protocol/remoting-command.ts'

/** Header fields whose values nobody may read: of ACL 1.0's signature, and of the requests that set accounts. */
const SECRET = /^(signature|securitytoken|secretkey|accesskey|password)$/i
const ASTERISK = 0x2a

/** A copy of a frame, the values of secret header fields overwritten with as many asterisks: all lengths stay right. */
export function redact(frame: Uint8Array): Buffer {
  const copy = Buffer.from(frame)
  const { extFields } = RemotingCommand.decode(copy, 0, copy.length)
  const headerEnd = 8 + (copy.readInt32BE(4) & 0xffffff)
  for (const [name, value] of Object.entries(extFields)) {
    if (!SECRET.test(name) || value.length === 0) continue
    for (const { bytes, from, length } of asWritten(name, value)) {
      const at = copy.subarray(0, headerEnd).indexOf(bytes, 8)
      if (at >= 0) copy.fill(ASTERISK, at + from, at + from + length)
    }
  }
  return copy
}

/** How a field may stand in a header, and where in that its value is: binary (name, length:int32, value), or JSON. */
function asWritten(name: string, value: string): Array<{ bytes: Buffer; from: number; length: number }> {
  const plain = Buffer.from(value)
  const size = Buffer.alloc(4)
  size.writeInt32BE(plain.length)
  const binary = Buffer.concat([Buffer.from(name), size, plain])
  const quoted = JSON.stringify(value).slice(1, -1)
  const texts = new Set([quoted, quoted.replaceAll('/', '\\/')])
  const jsons = [...texts].flatMap((text) => [':', ': '].map((colon) => ({ before: `"${name}"${colon}"`, text })))
  return [
    { bytes: binary, from: binary.length - plain.length, length: plain.length },
    ...jsons.map(({ before, text }) => ({
      bytes: Buffer.from(before + text),
      from: Buffer.byteLength(before),
      length: Buffer.byteLength(text)
    }))
  ]
}
