import { spawn } from 'node:child_process'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { BackupError, isCode } from './errors.js'

export interface Program {
  readonly command: string
  readonly words: readonly string[]
  /** In place of this process's own. */
  readonly environment?: Readonly<Record<string, string>>
  /** Exit codes that are no failure; 0 alone where none are named. */
  readonly good?: readonly number[]
}

const mostErrorText = 500

/** A program that bytes go through, and how it ends. */
export interface Running {
  readonly input: Writable
  readonly output: Readable
  /** Rejects with BackupError where the program is not there, or fails. */
  readonly ended: Promise<void>
  /** Ends it where it has not ended. */
  readonly kill: () => void
}

/** Starts a program. Whoever starts it awaits its end, or kills it. */
export const running = ({ command, words, environment, good = [0] }: Program): Running => {
  const child = spawn(command, words, { stdio: 'pipe', ...(environment && { env: { ...environment } }) })
  let told = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told = (told + text).slice(-mostErrorText)
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(new BackupError(`${command} cannot be started: ${error.message}`, { cause: error })))
    child.once('close', (code, signal) => {
      if (code !== null && good.includes(code)) resolve()
      else reject(new BackupError(`${command} failed (${signal ?? `exit code ${code}`}): ${told.trim()}`))
    })
  })
  ended.catch(() => undefined) // who waits for it is told
  return { input: child.stdin, output: child.stdout, ended, kill: () => void child.kill() }
}

/** For a pipeline. */
export const throughOf = ({ input, output }: Running): Duplex => Duplex.from({ writable: input, readable: output })

/** What went wrong where bytes went through a program: its own reason where the stream only broke off. */
export const reasonOf = async (error: unknown, { ended }: Pick<Running, 'ended'>): Promise<unknown> => {
  if (!isCode(error, 'EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR', 'Z_BUF_ERROR')) return error
  return ended.then(
    () => error,
    (reason: unknown) => reason,
  )
}
