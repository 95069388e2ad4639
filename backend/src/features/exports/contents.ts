import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { BlockDocument } from '../blocks/index.js'
import type { ConversationDocument } from '../conversations/index.js'
import { type MessageDocument, viewMessage } from '../messages/index.js'
import { type SessionDocument, viewSession } from '../sessions/index.js'
import { type UserDocument, viewMe } from '../users/index.js'
import type { ArchiveFile } from './archive.js'
import { jsonList } from './json-list.js'

interface Dependencies {
  readonly users: Model<UserDocument>
  readonly sessions: Model<SessionDocument>
  readonly conversations: Model<ConversationDocument>
  readonly messages: Model<MessageDocument>
  readonly blocks: Model<BlockDocument>
}

/** What an export has of a person. `noteRow` is called for each row that is read. */
export type Contents = (userId: string, noteRow: () => void) => AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>

const batchSize = 500

/** All that we keep of a person, in files of JSON and as they uploaded them: nothing of others but their ids. */
export const contentsOf = (deps: Dependencies, files: Contents): Contents =>
  async function* (userId, noteRow) {
    yield* listsOf(deps)(userId, noteRow)
    yield* files(userId, noteRow)
  }

const listsOf =
  ({ users, sessions, conversations, messages, blocks }: Dependencies) =>
  (id: string, noteRow: () => void): ArchiveFile[] => {
    const userId = toObjectId(id)

    const list = <D>(path: string, rows: () => AsyncIterable<D>, view: (row: D) => object): ArchiveFile => ({
      path,
      content: () => jsonList(viewed(rows(), view)),
    })
    async function* viewed<D>(rows: AsyncIterable<D>, view: (row: D) => object): AsyncGenerator<object> {
      for await (const row of rows) {
        noteRow()
        yield view(row)
      }
    }

    return [
      list('profile.json', () => users.find({ _id: userId }).lean().cursor(), profile),
      list('sessions.json', () => sessions.find({ userId }).lean().cursor({ batchSize }), session),
      list(
        'conversations.json',
        () => conversations.find({ 'members.userId': userId }).sort({ lastMessageAt: -1, _id: -1 }).lean().cursor({ batchSize: 20 }), // a group may have a thousand members
        (conversation) => membership(conversation, id),
      ),
      list(
        'messages.json',
        () => messages.find({ senderId: userId, type: 'user' }).sort({ createdAt: -1 }).hint('sender_created').lean().cursor({ batchSize }),
        (message) => sent(message, id),
      ),
      list('blocks.json', () => blocks.find({ blockerId: userId, active: true }).lean().cursor({ batchSize }), blocked),
    ]
  }

const profile = (user: UserDocument): object => ({
  ...viewMe(user),
  pendingEmail: user.pendingEmail ?? null,
  authenticatorSince: user.totp?.since ?? null,
  lastSeenAt: user.lastSeenAt ?? null,
})

const session = (document: SessionDocument): object => {
  const { current: _, ...view } = viewSession(document)
  return { ...view, expiresAt: document.expiresAt, endedAt: document.revokedAt ?? null }
}

/** As its person has it: not who else is in a group. */
const membership = ({ _id, type, name, description, directKey, members, createdAt }: ConversationDocument, userId: string): object => {
  const { userId: _, ...my } = members.find((member) => member.userId.toHexString() === userId) ?? { userId }
  const partner = directKey?.split(':').find((id) => id !== userId)
  return { id: _id.toHexString(), type, name, description, ...(partner !== undefined && { with: partner }), createdAt, my }
}

/** As its sender has it: what they have deleted for themselves is deleted. */
const sent = (message: MessageDocument, senderId: string): object => {
  const view = viewMessage(message, senderId)
  const edits = view.deletedAt === null ? (message.edits ?? []) : []
  return { ...view, edits: edits.map(({ text, at }) => ({ text, at })) }
}

const blocked = ({ blockedId, createdAt }: BlockDocument): object => ({ userId: blockedId.toHexString(), createdAt })

/** What else there is, is little beside the messages. */
export const rowsIn =
  ({ messages }: Pick<Dependencies, 'messages'>) =>
  (userId: string): Promise<number> =>
    messages.countDocuments({ senderId: toObjectId(userId) })
