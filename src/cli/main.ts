#!/usr/bin/env node
import { UsageError } from './arguments.ts'

const HELP = `rocketmq-producer broker   starts a name server and a broker on this machine
rocketmq-producer send     sends messages
rocketmq-producer bench    measures sending

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
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(`${HELP}\n`)
      return command === undefined ? 2 : 0
    default:
      throw new UsageError(`"${command}" is no command. Known: broker, send, bench`)
  }
}

run(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const usage = error instanceof UsageError
    process.stderr.write(`rocketmq-producer: ${(error as Error).message ?? String(error)}\n`)
    process.exitCode = usage ? 2 : 1
  }
)
