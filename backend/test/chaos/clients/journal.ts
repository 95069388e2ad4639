/** A message event as it came. */
export interface Told {
  readonly at: number
  /** Of the log that it came from. */
  readonly epoch: string
  readonly type: string
  readonly conversationId: string
  readonly clientId: string
  readonly seq: number
  readonly version: number
}

const mostLines = 2000

/** What happened to a client, to be read when something is wrong. */
export class Journal {
  readonly told: Told[] = []
  readonly #lines: { at: number; line: string }[] = []

  note(line: string): void {
    this.#lines.push({ at: Date.now(), line })
    if (this.#lines.length > mostLines) this.#lines.shift()
  }

  get lines(): readonly { at: number; line: string }[] {
    return this.#lines
  }
}
