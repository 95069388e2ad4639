import { randomInt, randomUUID } from 'node:crypto'
import type { Dispatcher } from 'undici'
import { z } from 'zod'

const SignedIn = z.object({ user: z.object({ id: z.string() }), accessToken: z.string() })
const Conversation = z.object({ id: z.string() })
const Message = z.object({ id: z.string(), seq: z.int(), clientId: z.string() })
const Messages = z.object({ items: z.array(Message), nextCursor: z.string().nullable() })

export type Message = z.infer<typeof Message>
type Connection = Pick<Dispatcher, 'request'>

export interface Person {
  readonly id: string
  readonly token: string
}

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly token?: string
  readonly body?: object
}

/** @throws Error with the answer where its status is not 200 or 201 */
const call = async <T>(connection: Connection, origin: string, { method, path, token, body }: Call, schema: z.ZodType<T>): Promise<T> => {
  const response = await connection.request({
    origin,
    method,
    path: `/api/v1${path}`,
    headers: { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await response.body.text()
  if (response.statusCode !== 200 && response.statusCode !== 201) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`)
  return schema.parse(JSON.parse(text))
}

/** What people do, over connections that the caller chooses. */
export const actionsAt = (origin: string) => ({
  async register(connection: Connection, name: string): Promise<Person> {
    const body = { phone: `+4915${randomInt(1e8, 1e9)}`, password: `A long password ${randomUUID()}`, name }
    const { user, accessToken } = await call(connection, origin, { method: 'POST', path: '/auth/register', body }, SignedIn)
    return { id: user.id, token: accessToken }
  },

  async startDirect(connection: Connection, from: Person, to: Person): Promise<string> {
    const body = { type: 'direct', userId: to.id }
    return (await call(connection, origin, { method: 'POST', path: '/conversations', token: from.token, body }, Conversation)).id
  },

  send(connection: Connection, from: Person, conversationId: string, text: string): Promise<Message> {
    const path = `/conversations/${conversationId}/messages`
    return call(connection, origin, { method: 'POST', path, token: from.token, body: { clientId: randomUUID(), text } }, Message)
  },

  /** The whole conversation, page by page. */
  async history(connection: Connection, reader: Person, conversationId: string): Promise<Message[]> {
    const messages: Message[] = []
    let query = 'afterSeq=0'
    for (;;) {
      const path = `/conversations/${conversationId}/messages?${query}&limit=100`
      const page = await call(connection, origin, { method: 'GET', path, token: reader.token }, Messages)
      messages.push(...page.items)
      if (page.nextCursor === null) return messages
      query = `cursor=${encodeURIComponent(page.nextCursor)}`
    }
  },
})
