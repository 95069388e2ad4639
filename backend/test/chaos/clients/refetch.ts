import type { Api } from './api.js'
import { Conversation, Message, pageOf } from './shapes.js'
import type { View } from './view.js'

const ConversationPage = pageOf(Conversation)
const MessagePage = pageOf(Message)

export interface Reader {
  readonly api: Api
  readonly token: string
}

/** Everyone's own list, page by page. */
export const readConversations = async ({ api, token }: Reader, signal: AbortSignal): Promise<Conversation[]> => {
  const all: Conversation[] = []
  for (let query = '?limit=100'; ; ) {
    const { status, body } = await api.call({ method: 'GET', path: `/conversations${query}`, token }, signal)
    if (status !== 200) throw new Error(`GET /conversations was answered ${status}`)
    const page = ConversationPage.parse(body)
    all.push(...page.items)
    if (page.nextCursor === null) return all
    query = `?limit=100&cursor=${encodeURIComponent(page.nextCursor)}`
  }
}

/** A conversation from its first message on; undefined where one is not in it. */
export const readMessages = async ({ api, token }: Reader, conversationId: string, signal: AbortSignal): Promise<Message[] | undefined> => {
  const all: Message[] = []
  for (let query = 'afterSeq=0'; ; ) {
    const path = `/conversations/${conversationId}/messages?limit=100&${query}`
    const { status, body } = await api.call({ method: 'GET', path, token }, signal)
    if (status === 404) return undefined
    if (status !== 200) throw new Error(`GET ${path} was answered ${status}`)
    const page = MessagePage.parse(body)
    all.push(...page.items)
    if (page.nextCursor === null) return all
    query = `cursor=${encodeURIComponent(page.nextCursor)}`
  }
}

/** Fetches a conversation anew, or takes it out of the view where one is not in it. */
export const refetchOne = async (reader: Reader, view: View, conversationId: string, signal: AbortSignal): Promise<void> => {
  view.owe(conversationId)
  const { status, body } = await reader.api.call({ method: 'GET', path: `/conversations/${conversationId}`, token: reader.token }, signal)
  const messages = status === 200 ? await readMessages(reader, conversationId, signal) : undefined
  signal.throwIfAborted()
  if (!messages) {
    view.forget(conversationId)
    return
  }
  const { my, members } = Conversation.parse(body)
  view.fetched(conversationId, messages, my.joinedSeq)
  for (const { userId, readSeq } of members) if (readSeq !== undefined) view.read(conversationId, userId, readSeq)
}

/** Fetches everything anew. What is shown and not listed any more is gone. */
export const refetchAll = async (reader: Reader, view: View, signal: AbortSignal): Promise<void> => {
  const before = [...view.conversations.keys()]
  const listed = await readConversations(reader, signal)
  const ids = new Set(listed.map(({ id }) => id))
  for (const id of before) if (!ids.has(id)) view.forget(id)
  for (const id of ids) await refetchOne(reader, view, id, signal)
  view.hasAll()
  for (const id of view.owed) await refetchOne(reader, view, id, signal) // those that were told of meanwhile
}
