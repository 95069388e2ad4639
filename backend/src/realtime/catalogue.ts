/** Every event that is told of a change, and the name under which it carries what changed, whole. */
const catalogue = {
  'message.created': 'message',
  'conversation.created': 'conversation',
} as const

export type EventType = keyof typeof catalogue

/** `{type, conversationId?, at, <the named thing>}`: what a client finds in an event's data. */
export type DomainEvent = {
  [T in EventType]: { readonly type: T; readonly conversationId?: string; readonly at: string } & {
    readonly [Name in (typeof catalogue)[T]]: object
  }
}[EventType]

/** A frame of a text/event-stream (WHATWG HTML, 9.2.6). Made once, by whoever publishes; `JSON.stringify` leaves no line break in it. */
export const encodeFrame = (name: string, data: object, id?: string): Buffer =>
  Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)

export const encodeEvent = (event: DomainEvent): Buffer => encodeFrame(event.type, event)
