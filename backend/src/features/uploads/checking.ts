import type { Types } from 'mongoose'
import { Problem } from '../../http/problem.js'
import { type Storage, StorageRefusal } from '../../platform/storage/storage.js'
import { digestOf } from './digest.js'
import type { Inspection, SeenContent } from './inspection.js'
import { originalKey, pendingKey, thumbnailKey } from './keys.js'
import type { UploadDocument } from './model.js'
import { partSizesOf } from './rules.js'
import type { CompleteUpload } from './schema.js'

/** Why it is refused, for people; or what it is. */
export type Outcome = { readonly refusal: string } | SeenContent

interface ToCheck {
  readonly upload: UploadDocument
  /** Whose keys the copy gets. */
  readonly attempt: Types.ObjectId
  readonly parts: CompleteUpload['parts']
}

/**
 * Whether what was PUT is what was announced, and what it is. It is copied to where no client writes, and the copy alone is believed.
 * @throws Problem conflict where nothing was PUT, validation_failed for wrong parts; what the storage and the inspection throw
 */
export const checkUpload = async (
  { storage, inspection }: { readonly storage: Storage; readonly inspection: Inspection },
  { upload, attempt, parts }: ToCheck,
): Promise<Outcome> => {
  const { size, contentType, sha256, purpose, multipart } = upload
  const [from, key] = [pendingKey(upload), originalKey(attempt)]
  if (multipart) await joined(storage.completeMultipart({ key: from, uploadId: multipart.uploadId, parts: inOrder(parts) }))
  const came = await storage.head(from)
  if (!came) throw nothingYet()
  if (came.size !== size) return { refusal: `${came.size} bytes came, and ${size} were announced` }
  if (came.contentType.toLowerCase() !== contentType) return { refusal: 'It came with another type than was announced' }
  await copied(storage.copy(from, key, { contentType }))
  const copy = await storage.head(key)
  const digest = copy?.sha256 === undefined ? await digestOf(await storage.read(key)) : { size: copy.size, sha256: copy.sha256 }
  if (digest.size !== size || digest.sha256 !== sha256) return { refusal: 'The bytes that came are not those that were announced' }
  return inspection.inspect(storage, { key, thumbnailKey: thumbnailKey(attempt), contentType, size, purpose })
}

const nothingYet = (): Problem => new Problem('conflict', 'Nothing has been uploaded yet: PUT the bytes first')

const partsProblem = (message: string): Problem =>
  new Problem('validation_failed', undefined, { errors: [{ path: 'body.parts', message }] })

/** @throws Problem validation_failed where these cannot be all of its parts */
export const requireParts = ({ size, multipart }: UploadDocument, parts: CompleteUpload['parts']): void => {
  if (!multipart && parts) throw partsProblem('this upload does not come in parts')
  if (!multipart) return
  const count = partSizesOf(size, multipart.partBytes).length
  if (!parts) throw partsProblem('are needed: this upload comes in parts')
  if (parts.length !== count || parts.some(({ number }) => number > count)) throw partsProblem(`all of the parts 1 to ${count}`)
}

const inOrder = (parts: CompleteUpload['parts'] = []) => parts.toSorted((one, other) => one.number - other.number)

const joined = async (joining: Promise<void>): Promise<void> => {
  try {
    await joining
  } catch (error) {
    if (!(error instanceof StorageRefusal)) throw error
    if (error.reason === 'no_upload') throw nothingYet()
    throw partsProblem('are not those that were uploaded')
  }
}

const copied = async (copying: Promise<void>): Promise<void> => {
  try {
    await copying
  } catch (error) {
    if (error instanceof StorageRefusal) throw nothingYet() // it is there no more
    throw error
  }
}
