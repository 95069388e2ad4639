import type { BusListener, Channel, EventBus, Publication } from './bus.js'

/** The bus of a single process that has no Redis. */
export class MemoryBus implements EventBus {
  readonly #subscribed = new Set<Channel>()
  #listener: BusListener | undefined

  publish(publications: readonly Publication[]): Promise<void> {
    for (const publication of publications) {
      if ('control' in publication) this.#listener?.control(publication.control)
      else if (this.#subscribed.has(publication.channel)) this.#listener?.frame(publication.channel, publication.frame)
    }
    return Promise.resolve()
  }

  subscribe(channel: Channel): Promise<void> {
    this.#subscribed.add(channel)
    return Promise.resolve()
  }

  unsubscribe(channel: Channel): void {
    this.#subscribed.delete(channel)
  }

  listen(listener: BusListener): void {
    this.#listener = listener
  }
}
