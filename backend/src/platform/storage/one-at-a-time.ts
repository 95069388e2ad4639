import { withDeadline } from '../deadline.js'

/** What comes from a client. */
export interface Incoming extends AsyncIterable<Buffer> {
  /** Ends it: whoever reads it fails. */
  destroy(): void
}

/** Somebody else is sending the same thing. */
export class UnderWay extends Error {}

export interface Patience {
  /** So long one that comes second waits for the first to end: that a connection broke is noticed a moment after the client has. */
  readonly waitMs: number
  /** A first one whose client has sent nothing for so long gives way: its connection may have broken with nobody to say so. */
  readonly silentMs: number
}

/** How long nothing has come while it was waited for. */
class Silence {
  #since = Number.POSITIVE_INFINITY

  async *heardIn(incoming: Incoming): AsyncGenerator<Buffer> {
    this.#since = performance.now()
    for await (const bytes of incoming) {
      this.#since = Number.POSITIVE_INFINITY // the disk's time is not the client's
      yield bytes
      this.#since = performance.now()
    }
    this.#since = Number.POSITIVE_INFINITY
  }

  milliseconds(): number {
    return performance.now() - this.#since
  }
}

interface Write {
  readonly incoming: Incoming
  readonly silence: Silence
  /** Never rejects. */
  readonly ended: Promise<unknown>
}

const usualPatience: Patience = { waitMs: 2000, silentMs: 5000 }

/** Who has a signed address may use it over and over: each thing is written once at a time, so that it takes no more room than it was signed for. */
export class OneAtATime {
  readonly #writes = new Map<string, Write>()
  readonly #patience: Patience
  constructor(patience: Partial<Patience> = {}) {
    this.#patience = { ...usualPatience, ...patience }
  }

  /** @throws UnderWay, and what `work` throws */
  async run<T>(name: string, incoming: Incoming, work: (bytes: AsyncIterable<Buffer>) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#patience.waitMs
    for (let first = this.#writes.get(name); first; first = this.#writes.get(name)) await this.#waitFor(first, deadline)
    const silence = new Silence()
    const working = work(silence.heardIn(incoming)) // with no wait since it was seen to be free
    const ended = working.catch(() => undefined)
    this.#writes.set(name, { incoming, silence, ended })
    try {
      return await working
    } finally {
      this.#writes.delete(name)
    }
  }

  async #waitFor({ incoming, silence, ended }: Write, deadline: number): Promise<void> {
    if (silence.milliseconds() >= this.#patience.silentMs) incoming.destroy()
    const left = deadline - performance.now()
    if (left <= 0) throw new UnderWay()
    await withDeadline(ended, left, 'waiting for another').catch(() => undefined)
  }
}
