import { type Dispatcher, request } from 'undici'

export interface SseEvent {
  readonly event: string
  /** The `data` lines, parsed as JSON. */
  readonly data: unknown
  /** The position after this event; undefined before the first `id`. */
  readonly id: string | undefined
}

interface Waiting {
  readonly matches: (event: SseEvent) => boolean
  readonly resolve: (event: SseEvent) => void
}

interface Options {
  readonly headers?: Record<string, string>
  /** Decides the connection: a Client stays with one worker of a cluster. */
  readonly dispatcher?: Dispatcher
}

/** Reads a stream of Server-Sent Events as the HTML standard says, and keeps all that came. */
export class SseClient {
  readonly events: SseEvent[] = []
  readonly #abort: AbortController
  readonly #waiting = new Set<Waiting>()
  #id: string | undefined
  #ended: Promise<void> = Promise.resolve()

  private constructor(abort: AbortController) {
    this.#abort = abort
  }

  /** @throws Error with the answer where it is no 200 with text/event-stream */
  static async open(url: string, { headers = {}, dispatcher }: Options = {}): Promise<SseClient> {
    const abort = new AbortController()
    const response = await request(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: abort.signal,
      bodyTimeout: 0,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    })
    const type = response.headers['content-type']
    if (response.statusCode !== 200 || !String(type).startsWith('text/event-stream')) {
      throw new Error(`No event stream, but ${response.statusCode} ${String(type)}: ${await response.body.text()}`)
    }
    const client = new SseClient(abort)
    client.#ended = client.#read(response.body)
    return client
  }

  /**
   * Waits for an event that has come or will come.
   * @throws Error with the events so far, after the deadline
   */
  async waitFor(matches: (event: SseEvent) => boolean, deadlineMs: number): Promise<SseEvent> {
    const present = this.events.find(matches)
    if (present) return present
    return new Promise((resolve, reject) => {
      const alarm = setTimeout(() => {
        this.#waiting.delete(waiting)
        const names = this.events.map((event) => event.event).slice(-20)
        reject(new Error(`No such event within ${deadlineMs} ms; ${this.events.length} came, the last: ${names.join(', ')}`))
      }, deadlineMs)
      const waiting: Waiting = {
        matches,
        resolve: (event) => {
          clearTimeout(alarm)
          resolve(event)
        },
      }
      this.#waiting.add(waiting)
    })
  }

  /** Resolves when the server, or close(), has ended the stream. */
  get ended(): Promise<void> {
    return this.#ended
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.#ended
  }

  async #read(body: AsyncIterable<Buffer>): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    try {
      for await (const chunk of body) {
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) this.#take(block)
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#take(`event: error\ndata: ${JSON.stringify(String(error))}`)
    }
  }

  #take(block: string): void {
    let event = 'message'
    const data: string[] = []
    for (const line of block.split('\n')) {
      const [, field, value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (field === 'event') event = value
      if (field === 'data') data.push(value)
      if (field === 'id') this.#id = value
    }
    if (data.length === 0) return // a comment, or a position alone: no event, says the standard
    const received: SseEvent = { event, data: JSON.parse(data.join('\n')), id: this.#id }
    this.events.push(received)
    for (const waiting of this.#waiting) {
      if (!waiting.matches(received)) continue
      this.#waiting.delete(waiting)
      waiting.resolve(received)
    }
  }
}
