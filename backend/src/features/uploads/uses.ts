import type { Model, QueryFilter, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { UploadDocument } from './model.js'

/** What shows uploads, as it is now. */
interface Showing {
  /** Whether some message of these conversations has it. */
  isAttached(uploadId: Types.ObjectId, conversationIds: readonly Types.ObjectId[]): Promise<boolean>
  /** Whether it is its owner's avatar, or one of these groups'. */
  isAvatar(upload: Pick<UploadDocument, '_id' | 'ownerId'>, conversationIds: readonly Types.ObjectId[]): Promise<boolean>
}

interface Dependencies {
  readonly uploads: Model<UploadDocument>
  readonly showing: Showing
}

/** An upload as what it is attached to knows it. */
export type Attachable = Pick<UploadDocument, '_id' | 'fileName' | 'contentType' | 'size' | 'servedSize' | 'width' | 'height'>

/** What is about to show an upload is stored within this. */
export const aboutToMs = 300_000
/** When it is looked at again whether what was about to show it does. */
const lookAgainMs = 3_600_000
const mostConversations = 200

/** Whether something may come to show it that is not stored yet. */
export const isAboutToBeUsed = ({ usedAt }: Pick<UploadDocument, 'usedAt'>): boolean =>
  usedAt !== undefined && Date.now() - usedAt.getTime() < aboutToMs

/**
 * What uploads are used for. Before anything comes to show an upload, that is marked here, and when it shows it no more: so whoever dies in
 * between loses no file, and keeps none for long. Whether something does show it is asked of that itself.
 */
export class UploadUses {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Of a person's own uploads, those that may be attached, in this order; from now on they are kept for it.
   * @throws Problem validation_failed where one is none of theirs, not ready, or meant for something else
   */
  async attach(ownerId: string, conversationId: string, uploadIds: readonly string[]): Promise<Attachable[]> {
    return this.#mark({ ownerId: toObjectId(ownerId), purpose: 'attachment' }, conversationId, uploadIds)
  }

  /** As `attach`, of what a message has that is passed on. @throws Problem validation_failed where one of them is not there any more */
  async passOn(conversationId: string, uploadIds: readonly string[]): Promise<void> {
    await this.#mark({ purpose: 'attachment' }, conversationId, uploadIds)
  }

  /**
   * To be asked before something becomes an avatar of a person, or of a group; null where it is to have none.
   * @returns false where it is no upload of theirs that may be one
   */
  async useAsAvatar(ownerId: string, uploadId: string | null, conversationId?: string): Promise<boolean> {
    const owner = { ownerId: toObjectId(ownerId), purpose: 'avatar' } as const
    if (conversationId === undefined) await this.#lookAgain({ ...owner, usedAt: { $exists: true } }, aboutToMs) // it may be another one's end
    if (uploadId === null) return true
    try {
      await this.#mark(owner, conversationId, [uploadId])
      return true
    } catch (error) {
      if (error instanceof Problem && error.code === 'validation_failed') return false
      throw error
    }
  }

  /** To be told when something shows these no more. */
  async detached(uploadIds: readonly string[]): Promise<void> {
    await this.#lookAgain({ _id: { $in: uploadIds.map(toObjectId) } }, 0)
  }

  /** @throws Problem conflict where something shows it, or is about to */
  async requireUnused(upload: UploadDocument): Promise<void> {
    if (await this.isUsed(upload)) throw new Problem('conflict', 'A message or a profile shows this upload: change that first')
    if (isAboutToBeUsed(upload))
      throw new Problem('conflict', 'The upload has just been attached; try again later', { retryAfterSeconds: aboutToMs / 1000 })
  }

  async isUsed(upload: UploadDocument): Promise<boolean> {
    const { purpose, conversations = [] } = upload
    const { showing } = this.#deps
    return purpose === 'avatar' ? showing.isAvatar(upload, conversations) : showing.isAttached(upload._id, conversations)
  }

  async #mark(
    whose: Partial<Pick<UploadDocument, 'ownerId' | 'purpose'>>,
    conversationId: string | undefined,
    uploadIds: readonly string[],
  ): Promise<Attachable[]> {
    const { uploads } = this.#deps
    const now = new Date()
    const conversation = conversationId === undefined ? undefined : toObjectId(conversationId)
    const these = { _id: { $in: uploadIds.map(toObjectId) }, ...whose, status: 'ready' as const }
    const room = conversation && {
      $or: [{ [`conversations.${mostConversations - 1}`]: { $exists: false } }, { conversations: conversation }],
    }
    const mark = { $set: { usedAt: now, sweepAt: new Date(now.getTime() + lookAgainMs) } }
    const where = conversation && { $addToSet: { conversations: conversation } }
    await uploads.updateMany({ ...these, ...room }, { ...mark, ...where })
    // What is ready now stays: a sweep that had found it removes nothing whose mark has changed.
    const marked = { ...these, ...(conversation && { conversations: conversation }) }
    const found = await uploads.find(marked).read('primary').lean()
    const known = new Map(found.map((upload) => [upload._id.toHexString(), upload]))
    return uploadIds.map((id, n) => {
      const upload = known.get(id)
      const errors = [{ path: `body.attachments.${n}`, message: 'there is no such upload of yours that is ready' }]
      if (!upload) throw new Problem('validation_failed', undefined, { errors })
      return upload
    })
  }

  async #lookAgain(which: QueryFilter<UploadDocument>, inMs: number): Promise<void> {
    const sweepAt = new Date(Date.now() + inMs)
    await this.#deps.uploads.updateMany({ ...which, status: 'ready' }, { $set: { sweepAt } })
  }
}
