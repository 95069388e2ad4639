import type { Logger } from '../platform/logger.js'
import type { ControlMessage, EventBus, Publication } from './bus.js'
import { type Channel } from './bus.js'
import { type DomainEvent, encodeEvent } from './catalogue.js'

/** An event and everyone it is for. */
export interface Announcement {
  readonly to: readonly Channel[]
  readonly event: DomainEvent
}

/** What features tell the world by: each event becomes one frame, made once, whoever it is for. */
export class Events {
  readonly #bus: EventBus
  readonly #logger: Logger
  constructor(bus: EventBus, logger: Logger) {
    this.#bus = bus
    this.#logger = logger
  }

  /** Publishes in order, after what the hubs must know first. Never throws: the write that it tells of is stored, whatever becomes of Redis. */
  async announce(announcements: readonly Announcement[], control: readonly ControlMessage[] = []): Promise<void> {
    const publications: Publication[] = control.map((message) => ({ control: message }))
    for (const { to, event } of announcements) {
      const frame = encodeEvent(event)
      publications.push(...to.map((channel) => ({ channel, frame })))
    }
    try {
      await this.#bus.publish(publications)
    } catch (error) {
      this.#logger.warn({ err: error, publications: publications.length }, 'events were not published')
    }
  }
}
