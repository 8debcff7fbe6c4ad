import { defineConfig, type UserConfig } from 'tsdown'

const library = {
  index: 'src/index.ts',
  broker: 'src/broker.ts',
  testing: 'src/testing.ts',
  otel: 'src/otel.ts',
  prometheus: 'src/prometheus.ts'
}

const common: UserConfig = {
  platform: 'node',
  target: 'node20.20',
  tsconfig: 'tsconfig.build.json',
  fixedExtension: false,
  sourcemap: false,
  hash: false,
  report: false,
  logLevel: 'error'
}

// Docstrings are published once, in the declaration files.
const output = { comments: { jsdoc: false } }

// The command line is an entry of the ESM build only: it shares that build's chunks, and each command
// is a lazy chunk of its own, so starting one command does not load the others.
const esm: UserConfig = {
  ...common,
  format: 'esm',
  entry: { ...library, cli: 'src/cli/main.ts' },
  dts: { entry: Object.values(library) },
  outputOptions: { ...output, chunkFileNames: 'chunks/[name].js' },
  deps: { onlyBundle: [] }
}

// p-retry is published as ESM only, and a `require` of it fails under Jest on Node 20: the CJS output carries it inside.
const cjs: UserConfig = {
  ...common,
  format: 'cjs',
  entry: library,
  dts: true,
  outputOptions: { ...output, chunkFileNames: 'chunks/[name].cjs' },
  deps: { alwaysBundle: ['p-retry', 'is-network-error'], onlyBundle: ['p-retry', 'is-network-error'] }
}

export default defineConfig([esm, cjs])
