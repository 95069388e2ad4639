import { BoundedWork } from '../../bounded-work.js'
import { earliestOf } from '../../earliest-signal.js'
import { ContentRefusal, ContentUnavailable } from '../content-errors.js'
import { orForLater } from '../for-later.js'
import type { Source } from '../source.js'
import { askClamd, type ClamdAddress } from './clamd-socket.js'
import { instreamFrames } from './instream.js'
import type { Scanner } from './scanner.js'

export interface ClamdSettings {
  readonly at: ClamdAddress
  /** From its turn to its answer. */
  readonly timeoutMs: number
  /** Not more than clamd's own StreamMaxLength and MaxFileSize: what is over the latter it calls clean. */
  readonly mostBytes: number
}

const mostAtOnce = 4
const mostWaiting = 100
const checkMs = 5000

/** ClamAV's daemon, asked through its socket. It is sent the bytes, so it need not see our files. */
export class ClamdScanner implements Scanner {
  readonly #settings: ClamdSettings
  readonly #work: BoundedWork
  constructor(settings: ClamdSettings) {
    this.#settings = settings
    this.#work = new BoundedWork({ what: 'scanning', mostAtOnce, mostWaiting, deadlineMs: 2 * settings.timeoutMs })
  }

  async scan(source: Source): Promise<void> {
    const { at, mostBytes, timeoutMs } = this.#settings
    if (source.size > mostBytes) throw tooLarge()
    const answer = await orForLater(
      this.#work.run((deadline) => {
        const signal = earliestOf(deadline, AbortSignal.timeout(timeoutMs))
        return askClamd(at, said('zINSTREAM\0', instreamFrames(source, signal)), signal)
      }),
    )
    judge(answer)
  }

  async check(): Promise<void> {
    const answer = await orForLater(askClamd(this.#settings.at, said('zPING\0'), AbortSignal.timeout(checkMs)))
    if (answer !== 'PONG') throw new ContentUnavailable('what listens is no clamd')
  }
}

async function* said(command: string, body?: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(command)
  if (body) yield* body
}

/** Clean is what clamd calls so in these words, and nothing else. */
const judge = (answer: string): void => {
  if (answer === 'stream: OK') return
  const found = /^stream: (.+) FOUND$/.exec(answer)?.[1]
  if (found?.startsWith('Heuristics.Limits.Exceeded') || answer.startsWith('INSTREAM size limit exceeded')) throw tooLarge()
  if (found !== undefined) throw new ContentRefusal('infected', `Something harmful was found in the file: ${found}`)
  throw new ContentUnavailable(`clamd answered ${JSON.stringify(answer)}`)
}

const tooLarge = (): ContentRefusal =>
  new ContentRefusal('too_large', 'The file is too large, or too deep, to be looked through for what does harm')
