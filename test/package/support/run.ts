import { spawn } from 'node:child_process'
import path from 'node:path'
import { projectRoot } from './temp-project.ts'

export interface Run {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a program to its end; a failing exit code is a result, not an error. */
export function run(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? projectRoot,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, NODE_OPTIONS: undefined, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Runs a tool that `npm ci` installed. */
export const runTool = (name: string, args: string[], options: Parameters<typeof run>[2] = {}): Promise<Run> =>
  run(path.join(projectRoot, 'node_modules/.bin', name), args, options)
