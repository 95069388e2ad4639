import type { ServerResponse } from 'node:http'

/** More unsent bytes than this and the client is too slow: it is cut off, and comes back. */
const mostUnsentBytes = 256 * 1024
const reconnectMs = 2000
const heartbeat = Buffer.from(':\n\n')

/** One client's event stream: bytes to one socket, in order, with a bound. */
export class EventStream {
  readonly userId: string
  readonly sessionId: string
  readonly #response: ServerResponse
  #held: Buffer[] = []
  #heldBytes = 0
  #holds = 0

  constructor(response: ServerResponse, caller: { userId: string; sessionId: string }) {
    this.#response = response
    this.userId = caller.userId
    this.sessionId = caller.sessionId
    response.useChunkedEncodingByDefault = false // the stream ends with its connection; no frame is wrapped
    response.shouldKeepAlive = false
  }

  /** Sends the headers, when to come back after an end, and the first frame, whatever is held. */
  open(first: Buffer): void {
    if (this.ended) return
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    })
    this.#response.write(`retry: ${reconnectMs}\n\n`)
    this.#response.write(first)
  }

  get ended(): boolean {
    return this.#response.writableEnded || this.#response.destroyed
  }

  write(frame: Buffer): void {
    if (this.#holds > 0) {
      this.#held.push(frame)
      this.#heldBytes += frame.length
      if (this.#heldBytes > mostUnsentBytes) this.cut()
      return
    }
    if (this.ended) return
    if (!this.#response.write(frame) && this.#response.writableLength > mostUnsentBytes) this.cut()
  }

  beat(): void {
    if (this.#holds === 0) this.write(heartbeat)
  }

  /** Keeps what comes until as many `release`s, so that nothing is told before what it stands on. */
  hold(): void {
    this.#holds += 1
  }

  release(): void {
    this.#holds -= 1
    if (this.#holds > 0) return
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    for (const frame of held) this.write(frame)
  }

  /** Ends it once what was written is sent. */
  end(): void {
    if (!this.ended) this.#response.end()
  }

  /** Ends it at once, unsent bytes and all. */
  cut(): void {
    this.#held = []
    this.#response.destroy()
  }
}
