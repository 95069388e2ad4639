import type { MessageDocument } from './model.js'

const isNewer = (message: MessageDocument, than: MessageDocument | undefined): boolean =>
  (message.reactionsVersion ?? 0) > (than?.reactionsVersion ?? -1)

/**
 * Publishes messages to which many react at once: one after another for each message, and the newest copy next, whose outbox has all that is not
 * told yet. Else of a hundred copies each would be told whole.
 */
export class NewestFirst {
  readonly #publish: (message: MessageDocument) => Promise<unknown>
  /** By message, while a copy of it is published: the newest that came since. */
  readonly #waiting = new Map<string, MessageDocument | undefined>()
  readonly #running = new Set<Promise<void>>()
  /** @param publish never throws, and ends */
  constructor(publish: (message: MessageDocument) => Promise<unknown>) {
    this.#publish = publish
  }

  publish(message: MessageDocument): void {
    const id = message._id.toHexString()
    if (!this.#waiting.has(id)) {
      const running = this.#run(id, message).finally(() => this.#running.delete(running))
      this.#running.add(running)
    } else if (isNewer(message, this.#waiting.get(id))) this.#waiting.set(id, message)
  }

  /** Resolves when what was given is published, or left to be tried again. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #run(id: string, first: MessageDocument): Promise<void> {
    for (let next: MessageDocument | undefined = first; next; next = this.#waiting.get(id)) {
      this.#waiting.set(id, undefined)
      await this.#publish(next)
    }
    this.#waiting.delete(id)
  }
}
