import type { Model, Types } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { encodeCursor } from '../../http/page.js'
import { Problem } from '../../http/problem.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { Blocks } from '../blocks/index.js'
import type { Activity, Memberships, Place, SystemMessage } from '../conversations/index.js'
import type { UploadUses } from '../uploads/index.js'
import { apart } from './apart.js'
import { detaching } from './attachments.js'
import { storeDeletion, storeEdit, storeHiding } from './changes.js'
import type { CommitLane } from './commit-lane.js'
import { contentHashOf, contentOf, hashOf } from './content.js'
import { deletedFor } from './deleted.js'
import { disappearing } from './disappearing.js'
import { areSame, keptMentions, mentionsIn } from './mentions.js'
import type { FormerText, MessageDocument } from './model.js'
import { readPage } from './pages.js'
import { positionOf } from './position.js'
import { type Quotes, quotesIn } from './reply.js'
import { requireDeletable, requireEditable, requireHideable, requireThere } from './rules.js'
import type { EditMessage, ListMessages, SendMessage } from './schema.js'
import { whileOthersWrite } from './while-others-write.js'

interface Dependencies {
  readonly messages: Model<MessageDocument>
  readonly memberships: Memberships
  readonly blocks: Pick<Blocks, 'between'>
  readonly uploads: Pick<UploadUses, 'attach' | 'passOn'>
  readonly lane: CommitLane
  readonly outbox: Outbox
  readonly source: OutboxSource
  readonly activity: Activity
  /** This worker's name in outboxes. */
  readonly worker: string
}

export class MessageService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Commits a message as its conversation's next one and tells the members.
   * @returns the stored message; `created` is false when this clientId had been sent before
   * @throws Problem not_found where the caller is no member (whether or not the conversation exists), conflict for the same clientId with other content,
   * forbidden where one of the two of a direct conversation has blocked the other: which of them is not said; what `contentOf` throws
   */
  async send(caller: Caller, conversationId: string, input: SendMessage): Promise<{ message: MessageDocument; created: boolean }> {
    const place = await this.#placeOf(caller, conversationId)
    const contentHash = contentHashOf(input)
    const now = new Date()
    const committed = await this.#contentOf(caller, conversationId, place, input).then(
      (content) =>
        this.#deps.lane.commit({
          conversationId: toObjectId(conversationId),
          senderId: toObjectId(caller.userId),
          clientId: input.clientId,
          contentHash,
          type: 'user',
          ...content,
          version: 1,
          createdAt: now,
          ...disappearing(place, now),
          outbox: [outboxEntry(this.#deps.worker, 'message.created', now)],
        }),
      (problem: unknown) => this.#sentBefore(caller, conversationId, input.clientId, problem),
    )
    if (committed.message.contentHash !== contentHash) throw new Problem('conflict', 'This clientId was used for another message')
    const { created, message } = committed
    if (!created && message.outbox) this.#deps.outbox.publish(this.#deps.source, [message]) // who stored it may not know that it has
    return committed
  }

  /** Commits a message of the conversation's own; the same clientId again is the same message. @throws Problem service_unavailable */
  async sendSystem({ conversationId, senderId, clientId, at, system }: SystemMessage): Promise<void> {
    await this.#deps.lane.commit({
      conversationId,
      senderId,
      clientId,
      contentHash: hashOf(system),
      type: 'system',
      text: null,
      system,
      version: 1,
      createdAt: at,
      outbox: [outboxEntry(this.#deps.worker, 'message.created', new Date())],
    })
  }

  /**
   * A page of a conversation's messages, ascending by seq: the newest unless the query says otherwise.
   * The cursor goes on in the page's own direction. @throws Problem not_found, validation_failed
   */
  async list(
    caller: Caller,
    conversationId: string,
    query: ListMessages,
  ): Promise<{ items: MessageDocument[]; nextCursor: string | null }> {
    const { firstSeq } = await this.#placeOf(caller, conversationId)
    const question = { messages: this.#deps.messages, conversationId: toObjectId(conversationId), firstSeq, limit: query.limit }
    const { items, next } = await readPage(question, positionOf(query))
    return { items, nextCursor: next ? encodeCursor(next) : null }
  }

  /** As a majority has it. @throws Problem not_found where the caller is no member (whether or not the message exists), or came after it and may not see it */
  async get(caller: Caller, messageId: string): Promise<MessageDocument> {
    const message = await this.#deps.messages.findById(toObjectId(messageId)).read('primary').readConcern('majority').lean()
    if (!message) throw new Problem('not_found')
    const { firstSeq } = await this.#placeOf(caller, message.conversationId.toHexString())
    if (message.seq < firstSeq) throw new Problem('not_found')
    return message
  }

  /** What a message said before its edits, oldest first; nothing where it is deleted, for all or for the caller. @throws Problem not_found */
  async history(caller: Caller, messageId: string): Promise<readonly FormerText[]> {
    const message = await this.get(caller, messageId)
    return deletedFor(message, caller.userId) ? [] : (message.edits ?? [])
  }

  /**
   * Gives a message another text, or other mentions, and tells the members; the same ones change nothing. Mentions that are not given stay
   * where the text still says the same.
   * @throws Problem not_found, forbidden (see rules.ts, and where one of two has blocked the other), conflict where it is deleted, validation_failed
   */
  async edit(caller: Caller, messageId: string, { text, mentions }: EditMessage): Promise<MessageDocument> {
    const { messages, memberships, outbox, source, activity, worker } = this.#deps
    const message = await whileOthersWrite(async () => {
      const current = await this.get(caller, messageId)
      requireEditable(current, caller)
      const conversationId = current.conversationId.toHexString()
      const before = current.mentions ?? []
      const after = mentions ? await mentionsIn(text, mentions, conversationId, memberships) : keptMentions(before, current.text, text)
      if (current.text === text && areSame(before, after)) return current
      if (await this.#areApart(caller, await this.#placeOf(caller, conversationId))) throw apart()
      return storeEdit(
        messages,
        current,
        { text, mentions: after },
        outboxEntry(worker, 'message.updated', new Date(), { version: `${current.version + 1}` }),
      )
    })
    activity.note({ conversationId: message.conversationId })
    outbox.publish(source, [message]) // what was told already is told no more
    return message
  }

  /**
   * Makes a tombstone of a message, for everyone; its content has left the log, and the members have been told, when this resolves (or soon
   * after, where Redis is away). Again changes nothing. @throws Problem not_found, forbidden (see rules.ts)
   */
  async delete(caller: Caller, messageId: string): Promise<MessageDocument> {
    const { messages, memberships, outbox, source, activity, worker } = this.#deps
    const message = await whileOthersWrite(async () => {
      const current = await this.get(caller, messageId)
      await requireDeletable(current, caller, memberships)
      if (current.deletedAt) return current
      return storeDeletion(messages, current, caller.userId, outboxEntry(worker, 'message.deleted', new Date(), detaching(current)))
    })
    activity.note({ conversationId: message.conversationId })
    await outbox.publishAndWait(source, message)
    return message
  }

  /**
   * Makes a tombstone of a message for the caller alone, on all of their devices. Again changes nothing, nor where it is deleted for all.
   * @throws Problem not_found; see rules.ts
   */
  async deleteForMe(caller: Caller, messageId: string): Promise<MessageDocument> {
    const { messages, outbox, source, activity, worker } = this.#deps
    const { userId } = caller
    const message = await whileOthersWrite(async () => {
      const current = await this.get(caller, messageId)
      if (deletedFor(current, userId)) return current
      requireHideable(current)
      const data = { userId, version: `${current.version}` }
      return storeHiding(messages, current, userId, outboxEntry(worker, 'message.deleted', new Date(), data))
    })
    activity.note({ conversationId: message.conversationId })
    outbox.publish(source, [message]) // what was told already is told no more
    return message
  }

  /** What the caller sees of the messages that these are replies to. */
  async quotesOf({ userId }: Caller, shown: readonly MessageDocument[]): Promise<Quotes> {
    const { messages, memberships } = this.#deps
    const conversationIds = new Set(shown.filter(({ replyTo }) => replyTo).map(({ conversationId }) => conversationId.toHexString()))
    const asking = [...conversationIds].map(async (id) => [id, await memberships.placeOf(userId, id)] as const)
    const places = new Map(await Promise.all(asking))
    const firstSeqOf = (id: Types.ObjectId): number => places.get(id.toHexString())?.firstSeq ?? Number.POSITIVE_INFINITY
    return quotesIn({ messages, viewerId: userId, firstSeqOf }, shown)
  }

  /** Whether somebody has sent a message in a conversation. */
  async hasWritten(userId: string, conversationId: string): Promise<boolean> {
    const sent = { conversationId: toObjectId(conversationId), senderId: toObjectId(userId) }
    return (await this.#deps.messages.exists(sent)) !== null
  }

  async #placeOf(caller: Caller, conversationId: string): Promise<Place> {
    const place = await this.#deps.memberships.placeOf(caller.userId, conversationId)
    if (!place) throw new Problem('not_found')
    return place
  }

  async #areApart({ userId }: Caller, { partner }: Place): Promise<boolean> {
    return partner !== undefined && this.#deps.blocks.between(userId, partner)
  }

  async #contentOf(caller: Caller, conversationId: string, place: Place, input: SendMessage): ReturnType<typeof contentOf> {
    if (await this.#areApart(caller, place)) throw apart()
    const find = async (messageId: string): Promise<MessageDocument> => {
      const message = await this.get(caller, messageId)
      requireThere(message, caller)
      return message
    }
    const { memberships, uploads } = this.#deps
    return contentOf({ memberships, uploads, find }, caller.userId, conversationId, input)
  }

  /** What was stored before it came to be refused is answered for when it is sent again. @throws the problem where there is none */
  async #sentBefore(
    { userId }: Caller,
    conversationId: string,
    clientId: string,
    problem: unknown,
  ): Promise<{ message: MessageDocument; created: false }> {
    if (!(problem instanceof Problem)) throw problem
    const sent = { conversationId: toObjectId(conversationId), senderId: toObjectId(userId), clientId }
    const message = await this.#deps.messages.findOne(sent).read('primary').readConcern('majority').lean()
    if (!message) throw problem
    return { message, created: false }
  }
}
