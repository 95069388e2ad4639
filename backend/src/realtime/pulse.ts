import type { Hub } from './hub.js'

const pulseMs = 250

/** Asks again and again whether the hub still hears what all hubs are told, so that a silent connection is noticed within a second. */
export class Pulse {
  readonly #hub: Pick<Hub, 'confirm'>
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | undefined
  constructor(hub: Pick<Hub, 'confirm'>) {
    this.#hub = hub
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#ask(), pulseMs).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#asking
  }

  /** One at a time: where no answer comes, the command's own deadline ends it. */
  #ask(): void {
    this.#asking ??= this.#hub
      .confirm()
      .catch(() => undefined) // Redis is away, which others tell
      .finally(() => {
        this.#asking = undefined
      })
  }
}
