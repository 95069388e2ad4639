import type { MessageView } from '../messages/index.js'
import type { ConversationDocument } from './model.js'
import type { ConversationView } from './schema.js'
import { viewConversation } from './view.js'
import type { WatermarksOf } from './watermarks.js'

type Conversations = readonly ConversationDocument[]

interface Dependencies {
  /** How far the members that these conversations show have received and read. */
  readonly watermarks: (conversations: Conversations, viewerId: string) => Promise<WatermarksOf>
  /** By the conversation's id; none where there is nothing to be seen. */
  readonly lastMessages: (conversations: Conversations, viewerId: string) => Promise<ReadonlyMap<string, MessageView>>
}

/** Conversations as one of their members sees them, with what is to be known of their messages: a few queries, however many they are. */
export class ConversationViews {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @param conversations that the viewer is a member of */
  async of(conversations: Conversations, viewerId: string): Promise<ConversationView[]> {
    const [watermarksOf, lastMessages] = await Promise.all([
      this.#deps.watermarks(conversations, viewerId),
      this.#deps.lastMessages(conversations, viewerId),
    ])
    return conversations.map((conversation) => ({
      ...viewConversation(conversation, viewerId, watermarksOf),
      lastMessage: lastMessages.get(conversation._id.toHexString()) ?? null,
    }))
  }

  async one(conversation: ConversationDocument, viewerId: string): Promise<ConversationView> {
    const [view] = await this.of([conversation], viewerId)
    if (!view) throw new Error('One conversation has one view')
    return view
  }
}
