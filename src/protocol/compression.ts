import { promisify } from 'node:util'
import { deflate, deflateSync, inflateSync } from 'node:zlib'
import { isPromise, type MaybePromise } from '../internal/async.ts'
import { MQClientException, RemotingCommandException } from '../internal/errors.ts'
import { SysFlag } from './sys-flag.ts'

/** Format of a compressed body. `LZ4` and `ZSTD` are read by brokers and consumers from 4.9.4 on. */
export type CompressionType = 'LZ4' | 'ZSTD' | 'ZLIB'

/**
 * Compresses and decompresses one format: LZ4 and ZSTD frames. ZLIB is built in.
 *
 * @example
 * new DefaultMQProducer({ compressType: 'LZ4', compressors: { lz4: lz4NapiCompressor(require('lz4-napi')) } })
 */
export interface Compressor {
  /** Compresses a body. @param level 1 fast to 9 small; a format may ignore it. */
  compress(bytes: Uint8Array, level: number): MaybePromise<Uint8Array>
  /** Throws when the result would be larger than `maxOutput` bytes. */
  decompress(bytes: Uint8Array, maxOutput: number): Uint8Array
}

/** Codecs by format. */
export interface Compressors {
  /** Of LZ4 frames. */
  lz4?: Compressor
  /** Of ZSTD frames. */
  zstd?: Compressor
}

/** Most bytes a body may have once decompressed, unless the caller says otherwise: the largest frame. */
export const MAX_DECOMPRESSED = 16_777_216

/** From here on compression runs outside the event loop. */
const LARGE = 65_536

const deflateLarge = promisify(deflate)

const flags: Record<CompressionType, number> = {
  LZ4: SysFlag.COMPRESSION_LZ4,
  ZSTD: SysFlag.COMPRESSION_ZSTD,
  ZLIB: SysFlag.COMPRESSION_ZLIB
}

const packages: Record<'lz4' | 'zstd', string> = {
  lz4: 'lz4-napi',
  zstd: '@hpcc-js/wasm-zstd, or node:zlib where it has zstd (Node 22.15 on)'
}

/** Reads the name in any case. @throws MQClientException with Java's text for another name. */
export function compressionTypeNamed(name: string): CompressionType {
  const upper = name.toUpperCase()
  if (upper === 'LZ4' || upper === 'ZSTD' || upper === 'ZLIB') return upper
  throw new MQClientException(`Unsupported compress type name: ${name}`, { code: 'BAD_COMPRESSION' })
}

/** The type bits of a sysFlag; the compressed bit itself is `SysFlag.COMPRESSED`. */
export function compressionFlag(type: CompressionType): number {
  return flags[type]
}

/** Types 0 (before 4.9.4) and 3 are zlib. @throws RemotingCommandException (`BAD_COMPRESSION`) for a type that is not known. */
export function compressionTypeOf(sysFlag: number): CompressionType {
  const value = (sysFlag & SysFlag.COMPRESSION_TYPE_MASK) >> 8
  if (value === 0 || value === 3) return 'ZLIB'
  if (value === 1) return 'LZ4'
  if (value === 2) return 'ZSTD'
  throw new RemotingCommandException(`compression type ${value} is not known, 0 to 3 are`, { code: 'BAD_COMPRESSION' })
}

/**
 * @param level 1 to 9.
 * @returns at once for small bodies, a promise for large ones and for codecs that need one.
 * @throws MQClientException (`NO_COMPRESSOR`) that names the package to install.
 */
export function compressBody(
  body: Uint8Array,
  type: CompressionType,
  options: { level: number; compressors?: Compressors | undefined }
): MaybePromise<Buffer> {
  if (type === 'ZLIB')
    return body.length < LARGE ? deflateSync(body, { level: options.level }) : deflateLarge(body, { level: options.level })
  const result = compressorFor(type, options.compressors).compress(body, options.level)
  return isPromise(result) ? result.then(asBuffer) : asBuffer(result)
}

/**
 * @param options.maxOutput most bytes of the result. @default MAX_DECOMPRESSED
 * @throws MQClientException (`NO_COMPRESSOR`) that names the package to install.
 * @throws RemotingCommandException (`BAD_COMPRESSION`) when the bytes are damaged or the result would be too large.
 */
export function decompressBody(
  body: Uint8Array,
  type: CompressionType,
  options: { maxOutput?: number; compressors?: Compressors | undefined } = {}
): Buffer {
  const maxOutput = options.maxOutput ?? MAX_DECOMPRESSED
  const compressor = type === 'ZLIB' ? undefined : compressorFor(type, options.compressors)
  let result: Buffer
  try {
    result =
      compressor === undefined
        ? inflateSync(body, { maxOutputLength: maxOutput })
        : asBuffer(compressor.decompress(body, maxOutput))
  } catch (cause) {
    throw new RemotingCommandException(
      `a ${type} body of ${body.length} bytes is damaged or larger than ${maxOutput} bytes when decompressed`,
      { code: 'BAD_COMPRESSION', cause }
    )
  }
  if (result.length > maxOutput) {
    throw new RemotingCommandException(`a ${type} body has ${result.length} bytes decompressed, the limit is ${maxOutput}`, {
      code: 'BAD_COMPRESSION'
    })
  }
  return result
}

function compressorFor(type: 'LZ4' | 'ZSTD', compressors: Compressors | undefined): Compressor {
  const name = type === 'LZ4' ? 'lz4' : 'zstd'
  const compressor = compressors?.[name]
  if (compressor !== undefined) return compressor
  throw new MQClientException(`no ${name} codec is set up`, {
    code: 'NO_COMPRESSOR',
    hint: `Install ${packages[name]} and pass its adapter as compressors.${name}.`
  })
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
