import type { $Command, S3Client, S3ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3'
import { withDeadline } from '../deadline.js'
import { earliestOf } from '../earliest-signal.js'
import { storageErrorOf } from './s3-errors.js'
import type { StorageRefusal } from './storage.js'

/** From here on a call that has not ended after being told to counts as over. */
const graceMs = 500

interface Call {
  /** For the log. */
  readonly what: string
  /** For all attempts together. */
  readonly deadlineMs: number
  readonly expected?: readonly StorageRefusal['reason'][]
  /** Ends the call early. */
  readonly signal?: AbortSignal
}

/** Makes calls to S3: each with a deadline, their errors as the storage's own. */
export class S3Calls {
  readonly #client: S3Client
  constructor(client: S3Client) {
    this.#client = client
  }

  /** @throws StorageUnavailable, and StorageRefusal with an expected reason */
  send<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    call: Call,
    command: $Command<I, O, S3ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes>,
  ): Promise<O> {
    return this.make(call, (abortSignal) => this.#client.send(command, { abortSignal }))
  }

  /** As `send`, for what is more than a command. */
  async make<T>({ what, deadlineMs, expected = [], signal }: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const over = new AbortController()
    const timer = setTimeout(() => over.abort(), deadlineMs) // not AbortSignal.timeout, which would end a body that is read later
    try {
      return await withDeadline(work(signal ? earliestOf(over.signal, signal) : over.signal), deadlineMs + graceMs, what)
    } catch (error) {
      throw storageErrorOf(error, what, expected)
    } finally {
      clearTimeout(timer)
    }
  }
}
