import { EventSource } from 'eventsource'
import { request } from 'undici'
import { z } from 'zod'
import type { Connection, ConnectionHandlers, StreamTarget } from './connection.js'

const Ticket = z.object({ ticket: z.string() })
const answerDeadlineMs = 6000
const types = [
  'resume',
  'message.created',
  'message.updated',
  'message.deleted',
  'conversation.created',
  'conversation.updated',
  'conversation.deleted',
  'member.added',
  'member.updated',
  'member.removed',
  'receipt.updated',
  'server.draining',
]

/** Opens a stream as a browser does: with a ticket, since an EventSource sends no header. @throws where there is none to be had, or no answer */
export const openEventSource = async ({ origin, token, lastEventId }: StreamTarget, handlers: ConnectionHandlers): Promise<Connection> => {
  const url = new URL(`${origin}/sse`)
  url.searchParams.set('ticket', await aTicket(origin, token))
  if (lastEventId !== undefined) url.searchParams.set('lastEventId', lastEventId)
  const source = new EventSource(url)
  const connection = new EventSourceConnection(source, handlers)
  const opened = new Promise<void>((resolve, reject) => {
    const alarm = setTimeout(() => reject(new Error('no answer in time')), answerDeadlineMs)
    source.addEventListener('open', () => resolve())
    void connection.ended.then((why) => reject(new Error(why)))
    void connection.ended.then(() => clearTimeout(alarm))
    source.addEventListener('open', () => clearTimeout(alarm))
  })
  await opened.catch((error: unknown) => {
    connection.drop('not opened')
    throw error
  })
  return connection
}

const aTicket = async (origin: string, token: string): Promise<string> => {
  const { statusCode, body } = await request(`${origin}/api/v1/sse/ticket`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    headersTimeout: answerDeadlineMs,
    bodyTimeout: answerDeadlineMs,
  })
  const text = await body.text()
  if (statusCode !== 201) throw new Error(`the ticket was refused with ${statusCode}`)
  return Ticket.parse(JSON.parse(text)).ticket
}

/** An EventSource is closed at its first error: it would come back by itself with a ticket that was used. */
class EventSourceConnection implements Connection {
  readonly ended: Promise<string>
  readonly #source: EventSource
  #end: (why: string) => void = () => undefined

  constructor(source: EventSource, handlers: ConnectionHandlers) {
    this.#source = source
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    for (const type of types) {
      source.addEventListener(type, ({ data, lastEventId }) => {
        handlers.event({ event: type, data: JSON.parse(String(data)), id: lastEventId })
        if (lastEventId !== '') handlers.position(lastEventId) // what has no id of its own moves nothing
      })
    }
    source.addEventListener('error', ({ code, message }) => this.drop(`error ${code ?? ''} ${message ?? ''}`))
  }

  /** It reads what comes; a browser gives no way to stop it. */
  stall(): void {}

  goOn(): void {}

  drop(why: string): void {
    this.#source.close()
    this.#end(why)
  }
}
