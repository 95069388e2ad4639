/**
 * What a client has been told on its unbroken line of positions. A client that comes back with an older position than it got to,
 * since it had not finished what it was told to fetch, is told again what came after that one.
 */
export class Line {
  readonly #kept = new Set<string>()
  readonly #unkept = new Set<string>()

  /** @returns false where the event had been told on this line before */
  tell(event: string): boolean {
    if (this.#kept.has(event) || this.#unkept.has(event)) return false
    this.#unkept.add(event)
    return true
  }

  /** The client keeps its position: it will not come back with an older one. */
  keep(): void {
    for (const event of this.#unkept) this.#kept.add(event)
    this.#unkept.clear()
  }

  /** The client comes back with the last position that it kept. */
  goBack(): void {
    this.#unkept.clear()
  }

  /** The line is broken: what comes now has another beginning. */
  startAnew(): void {
    this.#kept.clear()
    this.#unkept.clear()
  }
}
