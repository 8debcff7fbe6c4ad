/** Bits of a message's sysFlag; Java's `MessageSysFlag`. */
export const SysFlag = {
  COMPRESSED: 0x1,
  MULTI_TAGS: 0x2,
  TRANSACTION_NOT_TYPE: 0,
  TRANSACTION_PREPARED_TYPE: 0x4,
  TRANSACTION_COMMIT_TYPE: 0x8,
  TRANSACTION_ROLLBACK_TYPE: 0xc,
  BORNHOST_V6: 0x10,
  STOREHOST_V6: 0x20,
  NEED_UNWRAP: 0x40,
  INNER_BATCH: 0x80,
  COMPRESSION_LZ4: 0x100,
  COMPRESSION_ZSTD: 0x200,
  COMPRESSION_ZLIB: 0x300,
  /** All bits of the compression type. */
  COMPRESSION_TYPE_MASK: 0x700
} as const

/** 0, 4 prepared, 8 commit or 12 rollback. */
export function transactionValue(sysFlag: number): number {
  return sysFlag & SysFlag.TRANSACTION_ROLLBACK_TYPE
}

/** `sysFlag` with its transaction bits replaced by `type`. */
export function resetTransactionValue(sysFlag: number, type: number): number {
  return (sysFlag & ~SysFlag.TRANSACTION_ROLLBACK_TYPE) | type
}

/** Java clears the one bit after decompressing and leaves the type bits. */
export function clearCompressedFlag(sysFlag: number): number {
  return sysFlag & ~SysFlag.COMPRESSED
}
