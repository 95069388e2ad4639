import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { Storage } from '../../platform/storage/storage.js'
import { originalKey, thumbnailKey } from './keys.js'
import type { UploadDocument } from './model.js'
import type { UploadUrls } from './schema.js'
import { withStorage } from './with-storage.js'

/** What shows an upload to others than its owner. */
interface Showers {
  /** Whether somebody sees a message that has it, in one of these conversations. */
  attachment(viewerId: string, upload: UploadDocument): Promise<boolean>
  /** Whether it is the avatar of a person or a group that somebody sees. */
  avatar(viewer: Caller, upload: UploadDocument): Promise<boolean>
}

interface Dependencies {
  readonly uploads: Model<UploadDocument>
  readonly storage: Storage
  readonly showers: Showers
}

const isOwner = ({ userId }: Caller, { ownerId }: UploadDocument): boolean => ownerId.toHexString() === userId

/** Who may see an upload, and where it is had from. To all others it does not exist. */
export class UploadAccess {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem not_found */
  async get(caller: Caller, uploadId: string): Promise<UploadDocument> {
    const upload = await this.#deps.uploads.findById(toObjectId(uploadId)).read('primary').lean()
    if (!upload || !(await this.#sees(caller, upload))) throw new Problem('not_found')
    return upload
  }

  /** A URL that is good for minutes. @throws Problem not_found, conflict where it is not ready, service_unavailable */
  async urlOf(caller: Caller, uploadId: string, size?: 'thumbnail'): Promise<string> {
    const upload = await this.get(caller, uploadId)
    if (upload.status !== 'ready') throw new Problem('conflict', 'This upload is not ready')
    const { url, thumbnailUrl } = await withStorage(this.#deps.storage, (storage) => signed(storage, upload))
    if (size === undefined) return url
    if (thumbnailUrl === undefined) throw new Problem('not_found', 'There is no thumbnail of this upload')
    return thumbnailUrl
  }

  /** Of those that the caller may see and that are ready. @throws Problem service_unavailable */
  async urls(caller: Caller, uploadIds: readonly string[]): Promise<UploadUrls> {
    const found = await this.#deps.uploads
      .find({ _id: { $in: uploadIds.map(toObjectId) }, status: 'ready' })
      .read('primary')
      .lean()
    const known = new Map(found.map((upload) => [upload._id.toHexString(), upload]))
    return withStorage(this.#deps.storage, async (storage) => {
      const asking = uploadIds.map(async (id) => {
        const upload = known.get(id)
        if (!upload || !(await this.#sees(caller, upload))) return []
        const { url, thumbnailUrl, expiresAt } = await signed(storage, upload)
        return [{ id, url, ...(thumbnailUrl !== undefined && { thumbnailUrl }), expiresAt: expiresAt.toISOString() }]
      })
      return { items: (await Promise.all(asking)).flat() }
    })
  }

  async #sees(caller: Caller, upload: UploadDocument): Promise<boolean> {
    if (isOwner(caller, upload)) return upload.status !== 'removed'
    if (upload.status !== 'ready') return false
    const { showers } = this.#deps
    return upload.purpose === 'avatar' ? showers.avatar(caller, upload) : showers.attachment(caller.userId, upload)
  }
}

/** What a browser would run is served to be saved: the storage decides by the type. */
const signed = async (
  storage: Storage,
  { fileName, contentType, servedFrom, thumbnail }: UploadDocument,
): Promise<{ url: string; thumbnailUrl?: string; expiresAt: Date }> => {
  if (!servedFrom) throw new Error('What is ready has its files somewhere')
  const original = await storage.presignGet(originalKey(servedFrom), { fileName, contentType, inline: true })
  if (!thumbnail) return original
  const small = await storage.presignGet(thumbnailKey(servedFrom), { fileName, contentType: thumbnail.contentType, inline: true })
  return { ...original, thumbnailUrl: small.url }
}
