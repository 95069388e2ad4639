import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { SseParser, type StreamEvent } from './sse-parser.js'

export interface ConnectionHandlers {
  event(event: StreamEvent): void
  /** Told after each chunk: the position that it ended with. */
  position(id: string): void
}

export interface StreamTarget {
  readonly origin: string
  readonly token: string
  /** The position to come back with. */
  readonly lastEventId: string | undefined
}

/** A stream that is open. */
export interface Connection {
  /** Resolves with why it ended. */
  readonly ended: Promise<string>
  /** Reads nothing from its socket for a while, where the transport can. */
  stall(): void
  goOn(): void
  drop(why: string): void
}

const answerDeadlineMs = 6000
/** Over two heartbeats: who hears nothing for so long comes again. */
const silenceDeadlineMs = 45_000

/** Opens a stream over a connection of its own. @throws where it is not answered by 200 and an event stream */
export const openConnection = async (target: StreamTarget, handlers: ConnectionHandlers): Promise<Connection> => {
  const asked = get(`${target.origin}/sse`, {
    agent: false,
    timeout: silenceDeadlineMs,
    headers: {
      accept: 'text/event-stream',
      authorization: `Bearer ${target.token}`,
      ...(target.lastEventId === undefined ? {} : { 'last-event-id': target.lastEventId }),
    },
  })
  const response = await answerTo(asked)
  if (response.statusCode !== 200) {
    response.destroy()
    throw new Error(`refused with ${response.statusCode}`)
  }
  return new HttpConnection(asked, response, handlers)
}

const answerTo = (asked: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const alarm = setTimeout(() => asked.destroy(new Error('no answer in time')), answerDeadlineMs)
    asked.once('response', (response) => {
      clearTimeout(alarm)
      resolve(response)
    })
    asked.on('error', (error) => {
      clearTimeout(alarm)
      reject(error)
    })
  })

class HttpConnection implements Connection {
  readonly ended: Promise<string>
  readonly #response: IncomingMessage
  #why: string | undefined

  constructor(asked: ClientRequest, response: IncomingMessage, handlers: ConnectionHandlers) {
    this.#response = response
    const parser = new SseParser()
    response.on('data', (bytes: Buffer) => {
      for (const event of parser.take(bytes)) handlers.event(event)
      if (parser.id !== undefined) handlers.position(parser.id)
    })
    response.on('error', (error) => {
      this.#why ??= error.message
    })
    asked.on('timeout', () => this.drop('silent for too long'))
    this.ended = new Promise((resolve) => response.once('close', () => resolve(this.#why ?? 'ended by the server')))
  }

  stall(): void {
    this.#response.pause()
  }

  goOn(): void {
    this.#response.resume()
  }

  drop(why: string): void {
    this.#why ??= why
    this.#response.destroy()
  }
}
