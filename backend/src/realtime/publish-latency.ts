import type { Channel } from './log/log.js'

interface Expected {
  readonly frame: Buffer
  readonly committedAt: number
}

/** Twenty events a second are enough to know how long they take, and too few to cost anything. */
const sampleEveryMs = 50
const mostExpected = 32
const givenUpAfterMs = 30_000

/**
 * How long it takes from when a change is committed until the streams of this worker have been written the event: by one clock, through the
 * log and back. Of what this worker has committed, and only where it has a stream that tells of it: others see the same way with the same steps.
 */
export class PublishLatency {
  readonly #observe: (seconds: number) => void
  readonly #expected = new Map<Channel, Expected>()
  #sampledAt = Number.NEGATIVE_INFINITY
  #arrived: number[] = []
  #isHeard: (channel: Channel) => boolean = () => true
  constructor(observe: (seconds: number) => void) {
    this.#observe = observe
  }

  /** What no stream here tells of never comes back, and is not waited for. */
  hear(isHeard: (channel: Channel) => boolean): void {
    this.#isHeard = isHeard
  }

  /** A change is committed. @returns when, where this one is to be measured */
  committed(): number | undefined {
    const now = performance.now()
    if (now - this.#sampledAt < sampleEveryMs) return undefined
    this.#sampledAt = now
    return now
  }

  /** This frame is about to be published. */
  expect(channel: Channel, frame: Buffer, committedAt: number): void {
    if (!this.#isHeard(channel)) return
    if (this.#expected.size >= mostExpected) this.#giveUp(committedAt - givenUpAfterMs)
    if (this.#expected.size < mostExpected) this.#expected.set(channel, { frame, committedAt })
  }

  /** A frame has come, and is about to be written. */
  arrived(channel: Channel, frame: Buffer): void {
    if (this.#expected.size === 0) return
    const expected = this.#expected.get(channel)
    if (!expected?.frame.equals(frame)) return
    this.#expected.delete(channel)
    this.#arrived.push(expected.committedAt)
  }

  /** What has come is written. */
  written(): void {
    if (this.#arrived.length === 0) return
    const now = performance.now()
    for (const committedAt of this.#arrived) this.#observe((now - committedAt) / 1000)
    this.#arrived = []
  }

  /** These never came: their streams ended meanwhile, or the log had them already. */
  #giveUp(before: number): void {
    for (const [channel, { committedAt }] of this.#expected) if (committedAt < before) this.#expected.delete(channel)
  }
}
