import { type Document, serialize } from 'bson'
import type { ErrorFields } from './errors.js'

/** An error of one statement, as the extension reports it. */
export interface ReportedWriteError {
  /** Which of those that were sent. */
  readonly index: number
  /** A packed SQLSTATE. */
  readonly packedState: number
  readonly message: string
}

const listOf = (value: unknown): Document[] => (Array.isArray(value) ? value : [])

export const writeErrorsOf = (reply: Document): ReportedWriteError[] =>
  listOf(reply.writeErrors).map(({ index, code, errmsg }) => ({ index: Number(index), packedState: Number(code), message: String(errmsg) }))

/** What a write command did, gathered over several runs; indexes are those of the whole command. */
export class WriteResult {
  #count = 0
  #modified: number | undefined
  readonly #upserted: Document[] = []
  readonly #errors: (ErrorFields & { index: number })[] = []

  /** @param indexes where the statements of this run stand in the command */
  add(reply: Document, indexes: readonly number[]): void {
    this.#count += Number(reply.n ?? 0)
    if (reply.nModified !== undefined) this.#modified = (this.#modified ?? 0) + Number(reply.nModified)
    for (const upserted of listOf(reply.upserted)) this.#upserted.push({ ...upserted, index: indexes[Number(upserted.index)] ?? 0 })
  }

  addError(index: number, fields: ErrorFields): void {
    this.#errors.push({ index, ...fields })
  }

  toReply(): Uint8Array {
    return serialize({
      n: this.#count,
      ...(this.#modified !== undefined && { nModified: this.#modified }),
      ...(this.#upserted.length > 0 && { upserted: this.#upserted.toSorted((a, b) => Number(a.index) - Number(b.index)) }),
      ...(this.#errors.length > 0 && { writeErrors: this.#errors.toSorted((a, b) => a.index - b.index) }),
      ok: 1,
    })
  }
}
