import type { Channel, EventLog } from './log/log.js'
import type { EventStream } from './stream.js'

interface Subscription {
  readonly channel: Channel
  readonly streams: Set<EventStream>
  readonly active: Promise<void>
}

const nobody: ReadonlySet<EventStream> = new Set()

/** Which of a worker's streams need which channels. A channel is subscribed to while one of them needs it. */
export class Subscriptions {
  readonly #log: EventLog
  readonly #byChannel = new Map<Channel, Subscription>()
  constructor(log: EventLog) {
    this.#log = log
  }

  streamsOf(channel: Channel): ReadonlySet<EventStream> {
    return this.#byChannel.get(channel)?.streams ?? nobody
  }

  /** A channel's name as it is kept here already: one string for all streams that need it. */
  nameOf(channel: Channel): Channel {
    return this.#byChannel.get(channel)?.channel ?? channel
  }

  /** Resolves when all that these streams need is subscribed to. @throws where Redis is away */
  async add(streams: Iterable<EventStream>): Promise<void> {
    const missing = new Set<Channel>()
    const needed = new Set<Promise<void>>()
    const { promise: active, resolve, reject } = withResolvers()
    for (const stream of streams) {
      for (const channel of stream.channels.keys()) {
        let subscription = this.#byChannel.get(channel)
        if (!subscription) {
          subscription = { channel, streams: new Set(), active }
          this.#byChannel.set(channel, subscription)
          missing.add(channel)
        }
        subscription.streams.add(stream)
        needed.add(subscription.active)
      }
    }
    if (missing.size > 0) {
      active.catch(() => this.#forget(missing, active))
      this.#log.subscribe([...missing]).then(resolve, reject)
    }
    await Promise.all(needed)
  }

  remove(stream: EventStream, channel: Channel): void {
    const subscription = this.#byChannel.get(channel)
    if (!subscription?.streams.delete(stream) || subscription.streams.size > 0) return
    this.#byChannel.delete(channel)
    this.#log.unsubscribe(channel)
  }

  /** Nothing is subscribed to any more. */
  clear(): void {
    this.#byChannel.clear()
  }

  #forget(channels: Iterable<Channel>, active: Promise<void>): void {
    for (const channel of channels) if (this.#byChannel.get(channel)?.active === active) this.#byChannel.delete(channel)
  }
}

const withResolvers = () => {
  let resolve: () => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<void>((resolveIt, rejectIt) => {
    resolve = resolveIt
    reject = rejectIt
  })
  return { promise, resolve, reject }
}
