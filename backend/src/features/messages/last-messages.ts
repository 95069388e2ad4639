import { LRUCache } from 'lru-cache'
import type { Model, Types } from 'mongoose'
import type { ConversationDocument } from '../conversations/index.js'
import { deletedFor } from './deleted.js'
import type { MessageDocument } from './model.js'
import { newestBelow, type Point } from './newest-below.js'
import { quotesIn } from './reply.js'
import type { MessageView } from './schema.js'
import { viewMessage } from './view.js'

/** What is deleted while it is looked for is looked for again, so often. */
const mostLooks = 4
const mostRemembered = 50_000

/** Known for good: of a conversation's messages up to `lastSeq`, all after `newest` are deleted for all. */
interface Gone {
  readonly lastSeq: number
  readonly newest: number
}

/** Where the last message may be. */
interface Place extends Point {
  readonly lastSeq: number
  /** Whether all that is after it is deleted for all. */
  readonly restGone: boolean
}

const keyOf = ({ conversationId }: Pick<MessageDocument, 'conversationId'>): string => conversationId.toHexString()

/** The last message of a conversation as somebody sees it: the newest that is not deleted, for all or for them, nor from before their time. */
export class LastMessages {
  readonly #messages: Model<MessageDocument>
  readonly #gone = new LRUCache<string, Gone>({ max: mostRemembered })
  constructor(deps: { readonly messages: Model<MessageDocument> }) {
    this.#messages = deps.messages
  }

  /** By the id of the conversation, of which the viewer is a member; in one query, and a few more where the newest of some is deleted. */
  async of(conversations: readonly ConversationDocument[], viewerId: string): Promise<ReadonlyMap<string, MessageView>> {
    const places = conversations.map((conversation) => this.#begin(conversation, viewerId))
    const shown = await this.#shownAt(places, viewerId)
    const firstSeqs = new Map(places.map((place) => [keyOf(place), place.firstSeq]))
    const firstSeqOf = (conversationId: Types.ObjectId) => firstSeqs.get(conversationId.toHexString()) ?? 1
    const quotes = await quotesIn({ messages: this.#messages, viewerId, firstSeqOf }, shown)
    return new Map(shown.map((message) => [keyOf(message), viewMessage(message, viewerId, quotes)]))
  }

  async #shownAt(places: readonly Place[], viewerId: string): Promise<MessageDocument[]> {
    const shown: MessageDocument[] = []
    let open = places
    for (let look = 0; look < mostLooks; look++) {
      open = open.filter(({ seq, firstSeq }) => seq >= firstSeq)
      if (open.length === 0) break
      const found = await this.#at(open)
      const deleted: Place[] = []
      for (const place of open) {
        const message = found.get(keyOf(place))
        if (message && !deletedFor(message, viewerId)) shown.push(message)
        else deleted.push(place)
      }
      open = await this.#further(deleted, found, viewerId)
    }
    return shown
  }

  #begin({ _id, lastSeq, members }: ConversationDocument, viewerId: string): Place {
    const { firstSeq = 1 } = members.find(({ userId }) => userId.toHexString() === viewerId) ?? {}
    const gone = this.#gone.get(_id.toHexString())
    return { conversationId: _id, firstSeq, lastSeq, seq: gone?.lastSeq === lastSeq ? gone.newest : lastSeq, restGone: true }
  }

  /** Where to look next instead of these places; nowhere where nothing is left. */
  async #further(places: readonly Place[], found: ReadonlyMap<string, MessageDocument>, viewerId: string): Promise<Place[]> {
    if (places.length === 0) return []
    const below = await newestBelow(this.#messages, places, viewerId)
    return places.flatMap((place) => {
      const key = keyOf(place)
      const { there, seen } = below.get(key) ?? { there: place.firstSeq - 1, seen: undefined }
      const restGone = place.restGone && found.get(key)?.deletedAt !== undefined
      if (restGone) this.#gone.set(key, { lastSeq: place.lastSeq, newest: there })
      return seen === undefined ? [] : [{ ...place, seq: seen, restGone: restGone && seen === there }]
    })
  }

  async #at(places: readonly Place[]): Promise<Map<string, MessageDocument>> {
    const found = await this.#messages
      .find({ $or: places.map(({ conversationId, seq }) => ({ conversationId, seq })) }, { edits: 0, outbox: 0, words: 0 })
      .lean()
    return new Map(found.map((message) => [keyOf(message), message]))
  }
}
