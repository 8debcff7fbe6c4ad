/** Below this, a loop is faster than the call into native code. */
const SHORT = 16

/** What `Buffer.write` calls in the end; it is not in the documentation, hence the way without it. */
const { utf8Write } = Buffer.prototype as { utf8Write?: (this: Buffer, text: string, at: number) => number }

function writeNative(target: Buffer, at: number, text: string): number {
  return utf8Write === undefined ? target.write(text, at) : utf8Write.call(target, text, at)
}

/** Writes `text` as UTF-8 and returns how many bytes it took; the caller has made sure that they fit. */
export function writeUtf8(target: Buffer, at: number, text: string): number {
  const length = text.length
  if (length > SHORT) return writeNative(target, at, text)
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return writeNative(target, at, text)
    target[at + i] = unit
  }
  return length
}

/** Length of `text` as UTF-8. */
export function utf8Length(text: string): number {
  const length = text.length
  if (length > SHORT) return Buffer.byteLength(text)
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  return length
}
