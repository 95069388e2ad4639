import { execFile } from 'node:child_process'
import { projectFolder } from '../../../dev/services/project.js'

interface Ended {
  /** The exit code. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program of the project to its end, however that is.
 * @throws Error where it cannot be run, or has not ended in time
 */
export const ended = (
  program: string,
  words: readonly string[],
  environment: Record<string, string> = {},
  deadlineMs = 60_000,
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const options = { cwd: projectFolder, env: { ...process.env, ...environment }, timeout: deadlineMs, killSignal: 'SIGKILL' } as const
    execFile(program, words, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, stdout, stderr })
      return typeof error.code === 'number' ? resolve({ code: error.code, stdout, stderr }) : reject(error)
    })
  })
