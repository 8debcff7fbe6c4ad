// One-line breaks of the flow: in `file` the text `from` becomes `to`, and the test `killer` of `test` has to fail.
const select = { file: 'src/producer/select-one-message-queue.ts', test: 'test/unit/producer/select-one-message-queue.test.ts' }
const policy = { file: 'src/producer/retry-policy.ts', test: 'test/unit/producer/retry-policy.test.ts' }
const inFlight = { file: 'src/transport/in-flight-table.ts', test: 'test/unit/transport/in-flight-table.test.ts' }
const validators = { file: 'src/producer/validators.ts', test: 'test/unit/producer/validators.test.ts' }
const hooks = { file: 'src/producer/hooks.ts', test: 'test/unit/producer/hooks.test.ts' }
const flush = { file: 'src/store/flush-service.ts', test: 'test/unit/store/flush.test.ts' }
const durability = { file: 'src/store/disk-flush-and-ha.ts', test: 'test/unit/store/flush.test.ts' }
const log = { file: 'src/store/commit-log.ts', test: 'test/unit/store/put-get.test.ts' }
const batch = { file: 'src/store/commit-log.ts', test: 'test/unit/store/batch.test.ts' }
const routes = { file: 'src/nameserver/route-info-manager.ts', test: 'test/unit/nameserver/route-info-manager.test.ts' }
const retry = { file: 'src/producer/send-default-impl.ts', test: 'test/integration/producer-retry.test.ts' }
const kernel = { file: 'src/producer/send-kernel-impl.ts', test: 'test/integration/producer-hooks.test.ts' }

export const mutants = [
  { ...select, from: 'if (!brokersSent.includes(', to: 'if (brokersSent.includes(', killer: 'producer-43' },
  { ...select, from: 'notLast ?? queues[start]', to: 'queues[start]', killer: 'avoids at least the last broker' },
  { ...select, from: 'return this.#next % size', to: 'return this.#next % (size + 1)', killer: 'goes round through the queues' },
  {
    ...select,
    from: 'queues[i].brokerName !== brokerName',
    to: 'queues[i].brokerName === brokerName',
    killer: 'knows whether another'
  },
  { ...policy, from: 'if (FINAL_CODES.has(error.code)) return false', to: '', killer: 'retries transport errors' },
  {
    ...policy,
    from: 'if (error instanceof MQBrokerException) return retryResponseCodes.has(error.responseCode)',
    to: 'if (error instanceof MQBrokerException) return true',
    killer: 'retries transport errors'
  },
  { ...policy, from: 'Math.max(LEAST_SHARE, remaining / attemptsLeft)', to: 'remaining / attemptsLeft', killer: 'a fair share' },
  { ...policy, from: 'Math.min(share, maxPerRequest)', to: 'share', killer: 'caps an attempt' },
  { ...policy, from: 'if (attemptsLeft <= 1) return', to: 'if (attemptsLeft < 1) return', killer: 'caps an attempt' },
  {
    ...inFlight,
    from: 'pending === undefined || pending.opaque !== opaque',
    to: 'pending === undefined',
    killer: 'leaves the table once'
  },
  { ...inFlight, from: '(opaque + 1) & 0x7fffffff', to: 'opaque + 1', killer: 'wire-W8' },
  {
    file: 'src/transport/frame-writer.ts',
    test: 'test/unit/transport/frame-writer.test.ts',
    from: 'if (start < this.#handed || this.#closed) return false',
    to: 'if (this.#closed) return false',
    killer: 'bytes that have not been handed over'
  },
  {
    file: 'src/producer/back-pressure.ts',
    test: 'test/unit/producer/back-pressure.test.ts',
    from: 'if (this.#waiters.length > 0 || !this.#fits(weight)) return false',
    to: 'if (!this.#fits(weight)) return false',
    killer: 'serves waiters in the order'
  },
  { ...validators, from: 'if (body.length === 0) throw', to: 'if (false) throw', killer: 'producer-1 ' },
  {
    ...validators,
    from: 'if (body.length > maxMessageSize)',
    to: 'if (body.length > maxMessageSize + 1)',
    killer: 'producer-1 '
  },
  {
    file: 'src/producer/selectors.ts',
    test: 'test/unit/producer/selectors.test.ts',
    from: 'Math.abs(hash % queues.length)',
    to: 'hash % queues.length',
    killer: 'producer-44'
  },
  { ...hooks, from: "this.#report(hook.hookName, 'sendMessageBefore', error)", to: 'throw error', killer: 'a hook that throws' },
  { ...hooks, from: 'if (error instanceof RocketMQError) throw error', to: '', killer: 'a check that throws our error' },
  {
    ...flush,
    from: 'storage.flushedWhere >= nextOffset) return',
    to: 'storage.maxOffset >= nextOffset) return',
    killer: 'store-17'
  },
  { ...flush, from: 'if (nextOffset > offset) break', to: '', killer: 'store-17' },
  {
    ...flush,
    from: "this.#settleAll(this.#waiting, 'UNKNOWN_ERROR')",
    to: "this.#settleAll(this.#waiting, 'PUT_OK')",
    killer: 'is never acknowledged'
  },
  {
    ...flush,
    from: '!this.#flushing && this.#failure === undefined && ',
    to: '!this.#flushing && ',
    killer: 'is not tried again'
  },
  {
    ...flush,
    from: "splice(0, due)) resolve({ status: 'FLUSH_DISK_TIMEOUT'",
    to: "splice(0, due)) resolve({ status: 'PUT_OK'",
    killer: 'store-37'
  },
  {
    ...durability,
    from: "if (config.flushDiskType !== 'SYNC_FLUSH') return storage.writtenWhere",
    to: 'return storage.writtenWhere',
    killer: 'store-16'
  },
  { ...durability, from: 'return wait === undefined ||', to: 'return true ||', killer: 'WAIT=false' },
  { ...log, from: 'if (now > this.#storeTimestamp) this', to: 'this', killer: 'keeps the store timestamp monotone' },
  { ...log, from: 'if (counted) queue.nextOffset++', to: 'queue.nextOffset++', killer: 'no queue offset and no unit' },
  {
    ...log,
    test: 'test/unit/store/limits.test.ts',
    from: 'const length = Buffer.byteLength(propertiesString)',
    to: 'const length = propertiesString.length',
    killer: 'wire-W12'
  },
  {
    ...batch,
    from: 'fields.queueOffset = counted ? firstQueueOffset + i : 0',
    to: 'fields.queueOffset = firstQueueOffset',
    killer: 'store-11'
  },
  {
    ...batch,
    from: 'at = writeStoredMessage(storage.tail, at, fields)',
    to: 'writeStoredMessage(storage.tail, at, fields)',
    killer: 'store-11'
  },
  { ...routes, from: 'if (addr === brokerAddr && id !== brokerId) addrs.delete(id)', to: '{}', killer: 'store-65' },
  {
    ...routes,
    from: 'version.stateVersion <= topicConfig.dataVersion.stateVersion',
    to: 'true',
    killer: 'ignores a broker that wants an id'
  },
  {
    ...retry,
    from: 'call.attemptsMade >= call.maxAttempts) return false',
    to: 'call.attemptsMade > call.maxAttempts) return false',
    killer: 'code 1 without a known reason'
  },
  { ...retry, from: ' && call.remaining() > 0', to: '', killer: 'never tries again when no time is left' },
  { ...retry, from: 'call.keepStored(result)', to: '', killer: 'a message that was stored is not reported as failed' },
  {
    ...retry,
    from: 'if (failure === undefined) resolve(result)',
    to: 'if (error === undefined) resolve(result)',
    killer: 'a status that is not OK'
  },
  {
    ...kernel,
    from: 'if (call.attemptsMade < call.maxAttempts) message = copyForAttempt(call)',
    to: '',
    killer: 'what a before-hook changes'
  },
  { ...kernel, from: '  hooks.before(context)', to: '', killer: 'producer-18' },
  {
    ...kernel,
    from: 'communicationMode: mode,\n    bornHost',
    to: "communicationMode: 'ONEWAY',\n    bornHost",
    killer: 'producer-18'
  },
  {
    file: 'src/broker/handlers/10-send-message.ts',
    test: 'test/integration/broker-send.test.ts',
    from: "prepared.toLowerCase() !== 'true'",
    to: "prepared.toLowerCase() === 'true'",
    killer: 'store-44'
  }
]
