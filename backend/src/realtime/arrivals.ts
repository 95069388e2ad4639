import type { Channel } from './log/log.js'
import type { Position } from './log/position.js'
import type { LiveFrame } from './stream.js'

/** What comes of one channel with one read of the socket, one after the other, becomes one write a stream. */
export class Arrivals {
  readonly #tell: (channel: Channel, frame: LiveFrame) => void
  #channel: Channel | undefined
  #frames: LiveFrame[] = []
  constructor(tell: (channel: Channel, frame: LiveFrame) => void) {
    this.#tell = tell
  }

  /** The position after the last that waits; undefined where none does. */
  get position(): Position | undefined {
    return this.#frames.at(-1)?.position
  }

  /** Told once the socket has nothing more, or something comes that may not overtake it. */
  add(channel: Channel, frame: LiveFrame): void {
    if (channel !== this.#channel) this.tell()
    this.#channel = channel
    this.#frames.push(frame)
    if (this.#frames.length === 1) queueMicrotask(() => this.tell())
  }

  tell(): void {
    const frames = this.#frames
    const [first, ...others] = frames
    const last = frames.at(-1)
    if (!this.#channel || !first || !last) return
    this.#frames = []
    if (others.length === 0) this.#tell(this.#channel, first)
    else this.#tell(this.#channel, { ...last, bytes: Buffer.concat(frames.map(({ bytes }) => bytes)), parts: [first, ...others] })
  }
}
