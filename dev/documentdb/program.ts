import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

interface ProgramOptions {
  /** The program is killed after this long. */
  readonly deadlineMs?: number
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Receives what the program writes to file descriptor 3, line by line. */
  readonly onStatusLine?: (line: string) => void
}

const textOf = async (stream: Readable | null): Promise<string> => (stream ? text(stream) : '')

/**
 * Runs a program to its end.
 * @returns what it wrote to stdout
 * @throws Error with the end of its stderr, if it fails, cannot be started or outlives the deadline (60 s unless given)
 */
export const runProgram = async (file: string, args: readonly string[], options: ProgramOptions = {}): Promise<string> => {
  const { deadlineMs = 60_000, env = process.env, cwd = '/', onStatusLine } = options
  const child = spawn(file, args, {
    env,
    cwd,
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe', onStatusLine ? 'pipe' : 'ignore'],
  })
  const status = child.stdio[3]
  if (onStatusLine && status instanceof Readable) createInterface({ input: status }).on('line', onStatusLine)
  const exited = new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ? `was ended by ${signal}` : code === 0 ? '' : `failed with status ${code}`))
  })
  const [failure, stdout, stderr] = await Promise.all([exited, textOf(child.stdout), textOf(child.stderr)])
  if (failure) throw new Error(`${file} ${args[0] ?? ''} ${failure}: ${stderr.trim().slice(-2000)}`)
  return stdout
}
