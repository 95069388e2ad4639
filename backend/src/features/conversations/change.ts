import type { EventType } from '../../realtime/catalogue.js'
import type { ConversationDocument, Member } from './model.js'

/** What becomes of a conversation, all at once, and what is told of it. */
export interface Change {
  readonly set: Partial<
    Pick<ConversationDocument, 'members' | 'name' | 'description' | 'avatarUploadId' | 'settings' | 'pins' | 'invites' | 'deletedAt'>
  >
  readonly unset?: Readonly<Partial<Record<'avatarUploadId', ''>>>
  readonly events: readonly { readonly type: EventType; readonly data: Readonly<Record<string, string>> }[]
}

/** What a change is decided by: the conversation as it is, who asks, and when. */
export interface Situation {
  readonly conversation: ConversationDocument
  readonly actor: Member
  readonly at: Date
}

/** Ids as an outbox entry carries them. */
export const joinIds = (members: readonly Pick<Member, 'userId'>[]): string => members.map(({ userId }) => userId.toHexString()).join(' ')

/** An event about members who have the role and the time of joining in common. */
export const memberEvent = (
  type: 'member.added' | 'member.updated' | 'member.removed',
  members: readonly Member[],
  { role, joinedAt }: Pick<Member, 'role' | 'joinedAt'>,
): Change['events'][number] => ({ type, data: { userIds: joinIds(members), role, joinedAt: joinedAt.toISOString() } })
