import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ContentRefusal, ContentUnavailable } from '../content-errors.js'
import { ImageAnswer, type ImageJob } from './image-job.js'

const folder = fileURLToPath(new URL('.', import.meta.url))
const isSource = extname(import.meta.url) === '.ts'
/** What a decoder dies of when a picture makes it go astray. */
const faults = new Set<NodeJS.Signals | null>(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE'])

type Made = Extract<ImageAnswer, { made: unknown }>['made']

/** The process that makes images; started when it is needed, and again after it died. One job at a time. */
export class ImageChild {
  #process: ChildProcess | undefined

  /**
   * @param signal the deadline: the process is killed then
   * @throws ContentRefusal `broken_image` or `too_large`; ContentUnavailable where the picture is not known to be at fault
   */
  async make(job: ImageJob, signal: AbortSignal): Promise<Made> {
    signal.throwIfAborted()
    const child = (this.#process ??= this.#start())
    const kill = () => child.kill('SIGKILL')
    signal.addEventListener('abort', kill, { once: true })
    try {
      const answered = answerOf(child)
      child.send(job, () => undefined) // one that is not heard has ended, and that is
      return madeOf(await answered)
    } finally {
      signal.removeEventListener('abort', kill)
    }
  }

  /** Ends the process, if there is one; the next job starts another. */
  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL') // it keeps nothing
    await ended
  }

  #start(): ChildProcess {
    const child = fork(`${folder}image-process${isSource ? '.ts' : '.js'}`, [], {
      cwd: folder, // where `tsx` resolves
      env: { MALLOC_ARENA_MAX: '2' }, // no secrets; glibc gives back more to the system with fewer arenas
      execArgv: isSource ? ['--import', 'tsx'] : [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const forget = () => {
      if (this.#process === child) this.#process = undefined
    }
    child.once('exit', forget).once('error', forget)
    if (child.pid !== undefined) yieldToOthers(child.pid)
    return child
  }
}

const yieldToOthers = (pid: number): void => {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // it has ended already
  }
}

const answerOf = (child: ChildProcess): Promise<ImageAnswer> =>
  new Promise((resolve, reject) => {
    const settle = (settling: () => void) => {
      child.off('message', answered).off('exit', ended).off('error', failed)
      settling()
    }
    const answered = (message: unknown) => settle(() => resolve(ImageAnswer.parse(message)))
    const failed = (error: Error) => settle(() => reject(new ContentUnavailable('no process makes images', { cause: error })))
    const ended = (code: number | null, by: NodeJS.Signals | null) =>
      settle(() =>
        faults.has(by)
          ? resolve({ refused: 'broken_image', detail: 'The picture is broken' })
          : reject(new ContentUnavailable(`the process that makes images ended (${by ?? code})`)),
      )
    child.once('message', answered).once('exit', ended).once('error', failed)
  })

const madeOf = (answer: ImageAnswer): Made => {
  if ('made' in answer) return answer.made
  if ('failed' in answer) throw new ContentUnavailable(answer.failed)
  throw new ContentRefusal(answer.refused, answer.detail)
}
