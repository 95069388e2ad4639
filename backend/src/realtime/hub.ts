import type { BusListener, Channel, ControlMessage, EventBus } from './bus.js'
import { encodeFrame } from './catalogue.js'
import type { EventStream } from './stream.js'

/** A beat every 20 s a stream; the streams are spread over as many turns of a second. */
const heartbeatTurns = 20
const turnMs = 1000
const drainJitterMs = 3000

interface Subscription {
  readonly streams: Set<EventStream>
  readonly active: Promise<void>
}

/**
 * This worker's streams and the channels they need. A channel is subscribed to while one of them needs it.
 * A lost subscription ends every stream: each client then comes back and is told to fetch what it may have missed.
 */
export class Hub implements BusListener {
  readonly #bus: EventBus
  readonly #byUser = new Map<string, Set<EventStream>>()
  readonly #channelsOf = new Map<EventStream, Set<Channel>>()
  readonly #subscriptions = new Map<Channel, Subscription>()
  readonly #turns: Set<EventStream>[] = Array.from({ length: heartbeatTurns }, () => new Set())
  readonly #timer: NodeJS.Timeout
  #turn = 0
  #draining = false

  constructor(bus: EventBus) {
    this.#bus = bus
    bus.listen(this)
    this.#timer = setInterval(() => this.#beat(), turnMs)
    this.#timer.unref()
  }

  get draining(): boolean {
    return this.#draining
  }

  get streamCount(): number {
    return this.#channelsOf.size
  }

  /**
   * Adds a stream and subscribes to its channels: the user's own first, so that a conversation that begins meanwhile
   * is heard of, then those of the conversations that are asked for only then.
   * @throws where Redis is away; the stream is detached then
   */
  async attach(stream: EventStream, conversationIds: () => Promise<readonly string[]>): Promise<void> {
    this.#channelsOf.set(stream, new Set())
    this.#byUser.set(stream.userId, (this.#byUser.get(stream.userId) ?? new Set()).add(stream))
    this.#turns[this.#channelsOf.size % heartbeatTurns]?.add(stream)
    try {
      await this.#join(stream, `user:${stream.userId}`)
      await Promise.all((await conversationIds()).map((id) => this.#join(stream, `conversation:${id}`)))
    } catch (error) {
      this.detach(stream)
      throw error
    }
  }

  detach(stream: EventStream): void {
    for (const channel of this.#channelsOf.get(stream) ?? []) this.#leave(stream, channel)
    this.#channelsOf.delete(stream)
    const own = this.#byUser.get(stream.userId)
    own?.delete(stream)
    if (own?.size === 0) this.#byUser.delete(stream.userId)
    for (const turn of this.#turns) turn.delete(stream)
  }

  frame(channel: Channel, frame: Buffer): void {
    for (const stream of this.#subscriptions.get(channel)?.streams ?? []) stream.write(frame)
  }

  /** Someone joined a conversation: their streams wait for its channel before they tell anything that follows. */
  control({ joined }: ControlMessage): void {
    for (const userId of joined.userIds) {
      for (const stream of this.#byUser.get(userId) ?? []) {
        stream.hold()
        this.#join(stream, `conversation:${joined.conversationId}`).then(
          () => stream.release(),
          () => stream.cut(),
        )
      }
    }
  }

  gap(): void {
    this.#subscriptions.clear()
    for (const [stream, channels] of this.#channelsOf) {
      channels.clear()
      stream.cut()
    }
  }

  /** Tells every stream to come back a little later, each at another moment, and ends it. */
  drain(): void {
    this.#draining = true
    clearInterval(this.#timer)
    for (const stream of this.#channelsOf.keys()) {
      stream.write(encodeFrame('server.draining', { type: 'server.draining', reconnectInMs: Math.floor(Math.random() * drainJitterMs) }))
      stream.end()
    }
  }

  async #join(stream: EventStream, channel: Channel): Promise<void> {
    const channels = this.#channelsOf.get(stream)
    if (!channels) return // it has ended meanwhile
    channels.add(channel)
    const subscription = this.#subscriptions.get(channel) ?? this.#subscribe(channel)
    subscription.streams.add(stream)
    await subscription.active
  }

  #subscribe(channel: Channel): Subscription {
    const subscription = { streams: new Set<EventStream>(), active: this.#bus.subscribe(channel) }
    this.#subscriptions.set(channel, subscription)
    subscription.active.catch(() => {
      if (this.#subscriptions.get(channel) === subscription) this.#subscriptions.delete(channel)
    })
    return subscription
  }

  #leave(stream: EventStream, channel: Channel): void {
    const subscription = this.#subscriptions.get(channel)
    if (!subscription?.streams.delete(stream) || subscription.streams.size > 0) return
    this.#subscriptions.delete(channel)
    this.#bus.unsubscribe(channel)
  }

  #beat(): void {
    this.#turn = (this.#turn + 1) % heartbeatTurns
    for (const stream of this.#turns[this.#turn] ?? []) stream.beat()
  }
}
