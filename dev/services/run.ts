import { spawn } from 'node:child_process'
import { within } from './deadline.js'
import { projectFolder } from './project.js'

interface RunOptions {
  readonly deadlineSeconds: number
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** The project's where none is said. */
  readonly folder?: string
}

/**
 * Runs a program to its end.
 * @returns what it printed
 * @throws Error with the end of what it printed, where it fails or does not end in time (it is killed then)
 */
export const run = async (command: string, words: readonly string[], options: RunOptions): Promise<{ output: string }> => {
  const { folder = projectFolder, environment = process.env } = options
  const child = spawn(command, words, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-20_000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const line = [command, ...words].join(' ')
  try {
    const code = await within(options.deadlineSeconds, line, closed)
    if (code !== 0) throw new Error(`${line} failed:\n${output.trim().split('\n').slice(-20).join('\n')}`)
    return { output }
  } finally {
    child.kill('SIGKILL')
  }
}
