import { afterAll, beforeAll } from 'vitest'
import { startProgram, temporaryDirectory } from './harness/java.js'
import type { LineProcess } from './harness/processes.js'

/** RocketMQ's own decoders, as a program that answers each record with a line. */
export interface Decoder {
  process: LineProcess
}

/** One virtual machine for the tests of the file or `describe` that calls it. */
export function startDecoder(version: string): Decoder {
  const home = temporaryDirectory('decoder')
  const decoder = {} as Decoder
  beforeAll(async () => {
    decoder.process = startProgram({ main: 'Decoder', version, args: [], home: home.path })
    await decoder.process.json()
  })
  afterAll(async () => {
    await decoder.process.stop('SIGKILL')
    home.remove()
  })
  return decoder
}

/** @param kind see `Decoder.java`. */
export async function askDecoder<T>({ process }: Decoder, kind: number, records: Buffer[]): Promise<T[]> {
  const heads = records.map((bytes) => Buffer.from([...int32(bytes.length), kind]))
  process.writeBytes(Buffer.concat(records.flatMap((bytes, i) => [heads[i] as Buffer, bytes])))
  const answers: T[] = []
  for (const _ of records) answers.push(await process.json<T>())
  return answers
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
