/** What each event carries beside its type, conversation and time: what changed, whole, so that no client has to ask again. */
interface Contents {
  'message.created': { readonly message: object }
  'message.updated': { readonly message: object }
  'message.deleted': { readonly message: object }
  'reaction.added': Reaction
  'reaction.removed': Reaction
  'conversation.created': { readonly conversation: object }
  'conversation.updated': { readonly conversation: object }
  'conversation.deleted': { readonly conversation: object }
  'member.added': { readonly member: object }
  'member.updated': { readonly member: object }
  'member.removed': { readonly member: object }
  /** Of one member; `receipts` are those of others, where many come at once. */
  'receipt.updated': Watermarks & { readonly receipts?: readonly Watermarks[] }
  'user.updated': { readonly user: object }
  'upload.updated': { readonly upload: object }
  /** Whether one has blocked somebody; told to oneself alone. */
  'block.updated': { readonly userId: string; readonly blocked: boolean }
  /** Whether it was made or not: its status says so. */
  'export.ready': { readonly export: object }
  'session.revoked': { readonly sessionId: string; readonly reason: string }
}

/** Instead of what changed: that it did. For what is too large, or goes to too many. */
interface ToFetch {
  readonly fetch: true
}

/** Somebody's, to a message; `reactionsVersion` is what the message's is since this change. */
interface Reaction {
  readonly messageId: string
  readonly seq: number
  readonly userId: string
  readonly emoji: string
  readonly reactionsVersion: number
}

/** How far a member has received and read. */
interface Watermarks {
  readonly userId: string
  readonly deliveredSeq: number
  readonly readSeq: number
}

export type EventType = keyof Contents

/** Told to who listens just now: it has no id and no place in the log, and nobody is told of it later. */
export type PassingEvent =
  | { readonly type: 'typing'; readonly conversationId: string; readonly at: string; readonly userId: string; readonly typing: boolean }
  | {
      readonly type: 'presence'
      readonly at: string
      readonly userId: string
      readonly online: boolean
      readonly lastSeenAt: string | null
    }

/** What a client finds in an event's data. */
type EventOf<T extends EventType> = { readonly type: T; readonly conversationId?: string; readonly at: string } & (Contents[T] | ToFetch)

const mostFrameBytes = 64 * 1024
/** By which a client finds again what is too large to be told. */
const names = new Set(['id', 'conversationId', 'userId', 'seq', 'version'])

/** A frame of a text/event-stream (WHATWG HTML, 9.2.6). Made once, by whoever publishes; `JSON.stringify` leaves no line break in it. */
export const encodeFrame = (name: string, data: object, id?: string): Buffer =>
  Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)

/** An event's frame; of what is over 64 KB only that it changed: the names of the thing, and `fetch: true`. */
export const encodeEvent = <T extends EventType>(event: EventOf<T>): Buffer => {
  const frame = encodeFrame(event.type, event)
  return frame.length <= mostFrameBytes ? frame : encodeFrame(event.type, { ...named(event), fetch: true })
}

export const encodePassing = (event: PassingEvent): Buffer => encodeFrame(event.type, event)

const named = (event: object): object =>
  Object.fromEntries(
    Object.entries(event).map(([name, value]: [string, unknown]) => [name, value instanceof Object ? onlyNames(value) : value]),
  )

const onlyNames = (thing: object): object => Object.fromEntries(Object.entries(thing).filter(([name]) => names.has(name)))
