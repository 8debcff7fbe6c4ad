import { writeInt32 } from './big-endian.ts'
import { writeUtf8 } from './utf8.ts'

/** Writes `text` as a JSON string. */
export function writeJsonText(target: Buffer, start: number, text: string): number {
  let at = start
  target[at++] = 0x22
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20) {
      target[at] = 0x5c
      target[at + 1] = 0x75
      target[at + 2] = 0x30
      target[at + 3] = 0x30
      target[at + 4] = 0x30 + (unit >> 4)
      target[at + 5] = HEX_DIGITS.charCodeAt(unit & 0xf)
      at += 6
    } else if (unit > 0x7e || unit === 0x22 || unit === 0x5c) {
      // Rare: text that is not ASCII or has more to escape.
      return start + target.write(JSON.stringify(text), start)
    } else {
      target[at++] = unit
    }
  }
  target[at] = 0x22
  return at + 1
}

const HEX_DIGITS = '0123456789abcdef'

/** Writes an integer in decimal. */
export function writeDigits(target: Buffer, at: number, value: number): number {
  if (value < 0 || value > 0x7fffffff) return at + writeUtf8(target, at, String(value))
  let digits = 1
  for (let bound = 10; bound <= value; bound *= 10) digits++
  let rest = value
  for (let place = at + digits - 1; place >= at; place--) {
    target[place] = 0x30 + (rest % 10)
    rest = (rest / 10) | 0
  }
  return at + digits
}

/** Many messages are born in one millisecond. */
let lastTime = Number.NaN
let lastTimeText = ''

export function timeText(millis: number): string {
  if (millis !== lastTime) {
    lastTime = millis
    lastTimeText = String(millis)
  }
  return lastTimeText
}

/** An entry of the binary map whose name is one letter: `00 01 letter length:int32 value`. */
export function writeEntry(target: Buffer, at: number, letter: number, text: string): number {
  const length = writeUtf8(target, at + 7, text)
  target[at] = 0
  target[at + 1] = 1
  target[at + 2] = letter
  writeInt32(target, at + 3, length)
  return at + 7 + length
}

export function writeNumber(target: Buffer, at: number, letter: number, value: number): number {
  if (value < 0 || value > 9) return writeEntry(target, at, letter, String(value))
  target[at] = 0
  target[at + 1] = 1
  target[at + 2] = letter
  writeInt32(target, at + 3, 1)
  target[at + 7] = 0x30 + value
  return at + 8
}
