import { StringDecoder } from 'node:string_decoder'

export interface StreamEvent {
  readonly event: string
  readonly data: unknown
  /** The position after this event. */
  readonly id: string | undefined
}

/** Takes a stream's bytes apart as the HTML standard says (9.2.6), for a server that ends lines with \n. */
export class SseParser {
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #id: string | undefined

  /** The last `id:` that came with a whole block. */
  get id(): string | undefined {
    return this.#id
  }

  *take(bytes: Buffer): Generator<StreamEvent> {
    const blocks = (this.#rest + this.#decoder.write(bytes)).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = this.#block(block)
      if (event) yield event
    }
  }

  #block(block: string): StreamEvent | undefined {
    let event = 'message'
    const data: string[] = []
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
      if (field === 'event') event = value
      if (field === 'data') data.push(value)
      if (field === 'id') this.#id = value
    }
    return data.length === 0 ? undefined : { event, data: JSON.parse(data.join('\n')), id: this.#id }
  }
}
