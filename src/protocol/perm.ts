/** Permission bits of a topic or a queue; Java's `PermName`. */
export const Perm = { INHERIT: 1, WRITE: 2, READ: 4, PRIORITY: 8 } as const

export function isReadable(perm: number): boolean {
  return (perm & Perm.READ) !== 0
}

export function isWriteable(perm: number): boolean {
  return (perm & Perm.WRITE) !== 0
}

export function isInherited(perm: number): boolean {
  return (perm & Perm.INHERIT) !== 0
}
