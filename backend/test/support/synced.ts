import type { Response } from 'supertest'
import type { Person } from './people.js'

interface SyncedConversation {
  readonly id: string
  readonly name: string | null
  readonly lastSeq: number
  readonly unreadCount: number
}

interface SyncedMessage {
  readonly id: string
  readonly seq: number
  readonly text: string | null
  readonly version: number
}

/** What a client knows that never listens: it asks what has changed, and fetches that. */
export class Synced {
  readonly conversations = new Map<string, SyncedConversation>()
  readonly messages = new Map<string, SyncedMessage>()
  cursor: string | undefined
  readonly #person: Person
  readonly #limit: number
  constructor(person: Person, limit = 2) {
    this.#person = person
    this.#limit = limit
  }

  /** One sync, all of its pages, and what it lists. */
  async sync(): Promise<{ listed: string[]; removed: string[]; full: boolean }> {
    const since = this.cursor
    const listed: string[] = []
    const removed: string[] = []
    let full = false
    let next: string | null = null
    do {
      const from: string = next === null ? (since === undefined ? '' : `&since=${since}`) : `&cursor=${encodeURIComponent(next)}`
      const { body }: Response = await this.#person.get(`/sync?limit=${this.#limit}${from}`).expect(200)
      for (const conversation of body.items) {
        listed.push(conversation.id)
        this.conversations.set(conversation.id, conversation)
        await this.#fetch(conversation.id, since)
      }
      removed.push(...body.removed)
      full = body.full
      this.cursor = body.cursor
      next = body.nextCursor
    } while (next !== null)
    const isGone = (id: string) => removed.includes(id) || (full && !listed.includes(id))
    for (const id of [...this.conversations.keys()].filter(isGone)) this.conversations.delete(id)
    return { listed, removed, full }
  }

  textsOf(conversationId: string): (string | null)[] {
    return [...this.messages]
      .filter(([key]) => key.startsWith(conversationId))
      .map(([, message]) => message)
      .toSorted((a, b) => a.seq - b.seq)
      .map(({ text }) => text)
  }

  async #fetch(conversationId: string, since: string | undefined): Promise<void> {
    const from = since === undefined ? 'afterSeq=0' : `changedSince=${since}`
    let next: string | null = null
    do {
      const query: string = next === null ? from : `cursor=${encodeURIComponent(next)}`
      const { body } = await this.#person.get(`/conversations/${conversationId}/messages?limit=100&${query}`).expect(200)
      for (const message of body.items) {
        const key = `${conversationId}:${message.id}`
        if (message.version >= (this.messages.get(key)?.version ?? 0)) this.messages.set(key, message)
      }
      next = body.nextCursor
    } while (next !== null)
  }
}
