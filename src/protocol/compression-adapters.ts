import { MQClientException, RemotingCommandException } from '../internal/errors.ts'
import type { Compressor } from './compression.ts'
import { lz4OutputBound, zstdOutputBound } from './compression-bounds.ts'

/**
 * Codecs for compressed bodies that this package does not bring along. Each takes the module of a package which the application
 * installed; none is imported here.
 */

/** What is used of `lz4-napi`. */
export interface Lz4Module {
  /** To an LZ4 frame. */
  compressFrameSync(bytes: Buffer): Uint8Array
  /** From an LZ4 frame. */
  decompressFrameSync(bytes: Buffer): Uint8Array
}

/** What is used of an instance of `@hpcc-js/wasm-zstd` (`await Zstd.load()`). */
export interface WasmZstd {
  /** To a ZSTD frame. */
  compress(bytes: Uint8Array, level?: number): Uint8Array
  /** From a ZSTD frame. */
  decompress(bytes: Uint8Array): Uint8Array
}

/** What is used of a `node:zlib` that has zstd: Node 22.15 on. */
export interface ZstdZlib {
  /** To a ZSTD frame. */
  zstdCompressSync(bytes: Uint8Array, options?: { params?: Record<number, number> }): Uint8Array
  /** From a ZSTD frame. */
  zstdDecompressSync(bytes: Uint8Array, options?: { maxOutputLength?: number }): Uint8Array
  /** Numbers of the parameters. */
  constants: Record<string, unknown>
}

/**
 * LZ4 frames through `lz4-napi`; its frames have one level, so the level has no effect.
 * @throws MQClientException (`BAD_OPTION`) for another module.
 * @example
 * import * as lz4 from 'lz4-napi'
 * new DefaultMQProducer({ compressors: { lz4: lz4NapiCompressor(lz4) } })
 */
export function lz4NapiCompressor(lz4: Lz4Module): Compressor {
  checkModule(lz4, 'compressFrameSync', 'decompressFrameSync', 'the module lz4-napi')
  return {
    compress: (bytes) => lz4.compressFrameSync(buffer(bytes)),
    decompress(bytes, maxOutput) {
      refuseAbove(lz4OutputBound(bytes), maxOutput)
      return lz4.decompressFrameSync(buffer(bytes))
    }
  }
}

/**
 * ZSTD frames through `@hpcc-js/wasm-zstd`.
 * @throws MQClientException (`BAD_OPTION`) for another module.
 * @example
 * import { Zstd } from '@hpcc-js/wasm-zstd'
 * new DefaultMQProducer({ compressors: { zstd: wasmZstdCompressor(await Zstd.load()) } })
 */
export function wasmZstdCompressor(zstd: WasmZstd): Compressor {
  checkModule(zstd, 'compress', 'decompress', 'what `await Zstd.load()` of @hpcc-js/wasm-zstd gives')
  return {
    compress: (bytes, level) => zstd.compress(bytes, level),
    decompress(bytes, maxOutput) {
      refuseAbove(zstdOutputBound(bytes), maxOutput)
      return zstd.decompress(bytes)
    }
  }
}

/**
 * ZSTD frames through `node:zlib`.
 * @throws MQClientException (`BAD_OPTION`) for another module.
 * @example
 * import zlib from 'node:zlib'
 * new DefaultMQProducer({ compressors: { zstd: nodeZstdCompressor(zlib) } })
 */
export function nodeZstdCompressor(zlib: ZstdZlib): Compressor {
  checkModule(
    zlib,
    'zstdCompressSync',
    'zstdDecompressSync',
    'node:zlib of Node 22.15 or newer; on older ones use wasmZstdCompressor'
  )
  const levelParameter = Number(zlib.constants.ZSTD_c_compressionLevel)
  return {
    compress: (bytes, level) => zlib.zstdCompressSync(bytes, { params: { [levelParameter]: level } }),
    decompress: (bytes, maxOutput) => zlib.zstdDecompressSync(bytes, { maxOutputLength: maxOutput })
  }
}

/** Said where the mistake is made, not by the first message that is large enough. */
function checkModule(module: unknown, compress: string, decompress: string, needed: string): void {
  const given = module as Record<string, unknown> | null | undefined
  if (typeof given?.[compress] === 'function' && typeof given[decompress] === 'function') return
  throw new MQClientException(`what was passed has no ${compress} and ${decompress}: needed is ${needed}`, { code: 'BAD_OPTION' })
}

function refuseAbove(bound: number, maxOutput: number): void {
  if (bound <= maxOutput) return
  throw new RemotingCommandException(`the body may have ${bound} bytes decompressed, the limit is ${maxOutput}`, {
    code: 'BAD_COMPRESSION'
  })
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
