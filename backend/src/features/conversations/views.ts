import type { MessageView, Unread } from '../messages/index.js'
import type { ConversationDocument } from './model.js'
import type { ConversationView, ToldConversation } from './schema.js'
import { viewConversation } from './view.js'
import type { WatermarksOf } from './watermarks.js'

type Conversations = readonly ConversationDocument[]

interface Dependencies {
  /** How far the members that these conversations show have received and read. */
  readonly watermarks: (conversations: Conversations, viewerId: string) => Promise<WatermarksOf>
  /** By the conversation's id; none where there is nothing to be seen. */
  readonly lastMessages: (conversations: Conversations, viewerId: string) => Promise<ReadonlyMap<string, MessageView>>
  /** In how many of these messages the viewer is mentioned, by the conversation's id; none where there are none. */
  readonly mentionCounts: (unread: readonly Unread[], viewerId: string) => Promise<ReadonlyMap<string, number>>
}

type Counted = Omit<ConversationView, 'lastMessage'>

const withCount = (view: ToldConversation, mentionCount = 0): Counted => ({ ...view, mentionCount })
const withLast = (view: Counted, lastMessage: MessageView | null = null): ConversationView => ({ ...view, lastMessage })

/** Conversations as one of their members sees them, with what is to be known of their messages: a few queries, however many they are. */
export class ConversationViews {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @param conversations that the viewer is a member of */
  async of(conversations: Conversations, viewerId: string): Promise<ConversationView[]> {
    const [views, lastMessages] = await Promise.all([
      this.#withMentions(conversations, viewerId),
      this.#deps.lastMessages(conversations, viewerId),
    ])
    return views.map((view) => withLast(view, lastMessages.get(view.id)))
  }

  async one(conversation: ConversationDocument, viewerId: string): Promise<ConversationView> {
    const [view] = await this.of([conversation], viewerId)
    if (!view) throw new Error('One conversation has one view')
    return view
  }

  async #withMentions(conversations: Conversations, viewerId: string): Promise<Counted[]> {
    const { watermarks, mentionCounts } = this.#deps
    const watermarksOf = await watermarks(conversations, viewerId)
    const views = conversations.map((conversation) => viewConversation(conversation, viewerId, watermarksOf))
    const unread = views.filter(({ unreadCount }) => unreadCount > 0)
    const counts = await mentionCounts(
      unread.map(({ id, lastSeq, unreadCount }) => ({ conversationId: id, afterSeq: lastSeq - unreadCount })),
      viewerId,
    )
    return views.map((view) => withCount(view, counts.get(view.id)))
  }
}
