import type { Call } from './call.js'

const sessionsAtMost = 10_000
// Single statements are remembered by the extension too, over a restart; so a large answer can be forgotten here.
const keptBytes = 16_384

interface Remembered {
  readonly retryId: string
  readonly reply: Promise<Uint8Array>
}

/** The latest retryable write of each session: one that comes again gets the first answer again, and waits for it if need be. */
export class RetryableWrites {
  readonly #bySession = new Map<string, Remembered>()

  once(call: Call, run: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const { session, retryId } = call
    if (!session || !retryId) return run()
    const latest = this.#bySession.get(session)
    if (latest?.retryId === retryId) return latest.reply
    const remembered = { retryId, reply: run() }
    this.#remember(session, remembered)
    const forget = () => {
      if (this.#bySession.get(session) === remembered) this.#bySession.delete(session)
    }
    remembered.reply.then((reply) => reply.length > keptBytes && forget(), forget)
    return remembered.reply
  }

  #remember(session: string, remembered: Remembered): void {
    this.#bySession.delete(session)
    this.#bySession.set(session, remembered)
    const [oldest] = this.#bySession.keys()
    if (this.#bySession.size > sessionsAtMost && oldest !== undefined) this.#bySession.delete(oldest)
  }

  endSession(session: string): void {
    this.#bySession.delete(session)
  }
}
