#!/usr/bin/env node
import { UsageError } from './arguments.ts'

const HELP = `rocketmq-producer broker   starts a name server and a broker on this machine
rocketmq-producer send     sends messages
rocketmq-producer bench    measures sending
rocketmq-producer bench-store  measures the store in files, without a network

rocketmq-producer COMMAND --help lists a command's options.`

/** Runs one command; resolves to the exit code. Commands are loaded when they are asked for: the broker's start is measured. */
async function run(argv: readonly string[]): Promise<number> {
  const [command, ...args] = argv
  switch (command) {
    case 'broker':
      return (await import('./broker-command.ts')).brokerCommand(args)
    case 'send':
      return (await import('./send-command.ts')).sendCommand(args)
    case 'bench':
      return (await import('./bench-command.ts')).benchCommand(args)
    case 'bench-store':
      return (await import('./bench-store-command.ts')).benchStoreCommand(args)
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(`${HELP}\n`)
      return command === undefined ? 2 : 0
    default:
      throw new UsageError(`"${command}" is no command. Known: broker, send, bench, bench-store`)
  }
}

/** What the layers below say of an argument that is wrong. */
const WRONG_ARGUMENT: ReadonlySet<unknown> = new Set([
  'BAD_ADDRESS',
  'BAD_OPTION',
  'BAD_PROPERTY',
  'ILLEGAL_ARGUMENT',
  'STORE_DIRECTORY'
])

// Whoever read our output has gone, as `head` does: nobody is left to tell.
process.stdout.on('error', () => process.exit(1))

run(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const usage = error instanceof UsageError || WRONG_ARGUMENT.has((error as { code?: unknown } | undefined)?.code)
    process.stderr.write(`rocketmq-producer: ${(error as Error).message ?? String(error)}\n`)
    process.exitCode = usage ? 2 : 1
  }
)
