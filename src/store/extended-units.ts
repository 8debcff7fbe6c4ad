/**
 * Whether what stands for the tags code of a unit is an address in `consumequeue_ext/`, as in queues that Java wrote with
 * `enableConsumeQueueExt`; Java's `ConsumeQueueExt.isExtAddr`. Such files are neither read nor written here: the record itself says what its tags are,
 * and when it is due.
 */
export function isExtendedAddress(tagsCode: number): boolean {
  return tagsCode < -0x8000_0000
}
