import type { Attempt } from './clients/api.js'

/** Something that a client asked to be written. */
export interface Write {
  readonly startedAt: number
  readonly attempts: Attempt[]
  /** When it was acknowledged; undefined while, and where, it is not known. */
  ackedAt?: number
}

/** What a message was to say from then on; null = deleted for all. */
export interface Content {
  readonly text: string | null
  readonly write: Write
}

export interface SentMessage {
  readonly clientId: string
  readonly conversationId: string
  readonly senderId: string
  /** The first is what was sent. */
  readonly contents: Content[]
  id?: string
  seq?: number
}

/** Someone's time in a conversation, from being added to being removed. */
export interface Stay {
  readonly added: Write
  removed?: Write
}

export interface KnownConversation {
  readonly id: string
  readonly type: 'direct' | 'group'
  readonly ownerId: string
  readonly stays: Map<string, Stay[]>
  /** Whose membership somebody is changing right now. */
  readonly busy: Set<string>
}

/** How far somebody said that they have read. */
export interface SentReceipt {
  readonly conversationId: string
  readonly userId: string
  readonly readSeq: number
  readonly write: Write
}

/** A time that an operator took back: what was acknowledged between the copy and its restoring may be gone. */
export interface Restore {
  readonly copiedFrom: number
  readonly restoredAt: number
}

/** A time in which Redis was not one. */
export interface RedisTrouble {
  readonly from: number
  to: number
}

/** `certain`: acknowledged and nothing may take it back. `possible`: it may be there or not. */
export type Standing = 'certain' | 'possible'

/** All that clients asked for and were promised. */
export class Ledger {
  /** By client id. */
  readonly messages = new Map<string, SentMessage>()
  readonly conversations = new Map<string, KnownConversation>()
  readonly receipts: SentReceipt[] = []
  readonly restores: Restore[] = []
  readonly redisTroubles: RedisTrouble[] = []

  begin(): Write {
    return { startedAt: Date.now(), attempts: [] }
  }

  get acknowledged(): number {
    return [...this.messages.values()].filter(({ contents }) => contents[0]?.write.ackedAt !== undefined).length
  }

  standingOf(write: Write): Standing {
    const { ackedAt, startedAt, attempts } = write
    if (ackedAt === undefined) return 'possible'
    const askedAt = attempts.at(-1)?.at ?? startedAt // the attempt that was acknowledged
    return this.restores.some(({ copiedFrom, restoredAt }) => ackedAt >= copiedFrom && askedAt <= restoredAt) ? 'possible' : 'certain'
  }

  /** People whom the ledger has in a conversation, as far as it knows. */
  membersOf(conversation: KnownConversation): string[] {
    return [...conversation.stays].filter(([, stays]) => stays.at(-1)?.added.ackedAt && !stays.at(-1)?.removed).map(([userId]) => userId)
  }

  /** The conversations that somebody is in and is not being taken out of. */
  conversationsOf(userId: string): KnownConversation[] {
    return [...this.conversations.values()].filter((conversation) => this.membersOf(conversation).includes(userId))
  }
}
