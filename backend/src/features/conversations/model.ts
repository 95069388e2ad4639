import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

export const roles = ['owner', 'admin', 'member'] as const
export type Role = (typeof roles)[number]

export interface Member {
  userId: Types.ObjectId
  role: Role
  joinedAt: Date
  /** The conversation's last seq when the member came. */
  joinedSeq: number
  /** What is before it does not exist for them; absent: they see all from the first. It stays while they do. */
  firstSeq?: number
  /** Set while they have it archived: the conversation's last seq then. */
  archivedSeq?: number
  mutedUntil?: Date
  /** Set while they have it off their list: the conversation's last seq then. */
  hiddenSeq?: number
}

export const histories = ['all', 'joined'] as const

export interface ConversationSettings {
  /** What newcomers see of what was said before they came. */
  history: (typeof histories)[number]
  /** null: messages stay. */
  disappearAfterSeconds: number | null
}

const defaultSettings: ConversationSettings = { history: 'all', disappearAfterSeconds: null }

export const settingsOf = ({ settings }: Pick<ConversationDocument, 'settings'>): ConversationSettings => ({
  ...defaultSettings,
  ...settings,
})

/** A way into a group for whoever has its code. */
export interface Invite {
  id: Types.ObjectId
  /** 128 random bits, base64url. */
  code: string
  createdBy: Types.ObjectId
  createdAt: Date
  expiresAt: Date | null
  maxUses: number | null
  uses: number
}

/** Somebody who is no member any more. */
export interface Left {
  userId: Types.ObjectId
  at: Date
}

/** For so long it is known who left. */
export const leftKeptMs = 30 * 86_400_000
export const mostLeftKept = 2000

export interface ConversationDocument extends WithOutbox {
  _id: Types.ObjectId
  type: 'direct' | 'group'
  name: string | null
  description: string | null
  /** Of a group, where it has one. */
  avatarUploadId?: Types.ObjectId
  /** Absent until something is set. */
  settings?: ConversationSettings
  /** The two ids of a direct conversation, the lower first: one conversation a pair. Absent in a group. */
  directKey?: string
  /** Empty once it is closed: the last one left, or its owner deleted it. */
  members: Member[]
  /** By whom it is pinned, and as which of theirs: see `pinOf`. Absent where nobody has. */
  pins?: string[]
  /** With those that have expired or are used up, until there is need of room; not read unless asked for. */
  invites?: Invite[]
  /** The newest of those who left and have not come back; not read unless asked for. */
  left?: Left[]
  /** Derived from the messages: follows each commit by $max. */
  lastSeq: number
  /** Derived as well; the time of creation while there is no message. */
  lastMessageAt: Date
  createdAt: Date
  /** By the database's clock. */
  changedAt?: Date
  /** Rises with every change but that of what is derived. */
  version: number
  deletedAt?: Date
}

const memberSchema = new Schema<Member>(
  {
    userId: { type: Schema.Types.ObjectId, required: true },
    role: { type: String, enum: roles, required: true },
    joinedAt: { type: Date, required: true },
    joinedSeq: { type: Number, required: true },
    firstSeq: Number,
    archivedSeq: Number,
    mutedUntil: Date,
    hiddenSeq: Number,
  },
  { _id: false },
)

const inviteSchema = new Schema<Invite>(
  {
    id: { type: Schema.Types.ObjectId, required: true },
    code: { type: String, required: true },
    createdBy: { type: Schema.Types.ObjectId, required: true },
    createdAt: { type: Date, required: true },
    expiresAt: Date,
    maxUses: Number,
    uses: { type: Number, required: true },
  },
  { _id: false, id: false },
)

export const memberLastMessageIndex = 'member_last_message'
export const pinsIndex = 'pins'

export const conversationSchema = new Schema<ConversationDocument>(
  {
    type: { type: String, enum: ['direct', 'group'], required: true },
    name: { type: String, default: null },
    description: { type: String, default: null },
    avatarUploadId: Schema.Types.ObjectId,
    settings: {
      type: { _id: false, history: { type: String, enum: histories }, disappearAfterSeconds: Number },
      default: undefined,
    },
    directKey: String,
    members: { type: [memberSchema], required: true },
    pins: { type: [String], default: undefined },
    left: { type: [{ _id: false, userId: Schema.Types.ObjectId, at: Date }], default: undefined, select: false },
    invites: { type: [inviteSchema], default: undefined, select: false },
    lastSeq: { type: Number, required: true },
    lastMessageAt: { type: Date, required: true },
    createdAt: { type: Date, required: true },
    changedAt: Date,
    version: { type: Number, required: true },
    deletedAt: Date,
    outbox: outboxField,
  },
  { collection: 'conversations', versionKey: false },
)
// A person's conversations, newest activity first; also: which conversations is a person in.
conversationSchema.index({ 'members.userId': 1, lastMessageAt: -1, _id: -1 }, { name: memberLastMessageIndex })
// What has changed for a person since; what they are not in any more.
conversationSchema.index({ 'members.userId': 1, _id: 1, changedAt: 1 }, { name: 'member_changed' })
conversationSchema.index({ 'left.userId': 1, 'left.at': 1 }, { name: 'left', sparse: true })
conversationSchema.index({ lastMessageAt: -1 }, { name: 'last_message' })
// One direct conversation a pair, even when both begin it at once. Sparse: groups have no key.
conversationSchema.index({ directKey: 1 }, { name: 'direct_key', unique: true, sparse: true })
// Each pin of a person is one conversation's, however many devices pin at once; also: the pinned ones. Sparse: an empty array would be a key.
conversationSchema.index({ pins: 1 }, { name: pinsIndex, unique: true, sparse: true })
// Which group an invite leads to.
conversationSchema.index({ 'invites.code': 1 }, { name: 'invite_code', sparse: true })
conversationSchema.index(...outboxIndex)
