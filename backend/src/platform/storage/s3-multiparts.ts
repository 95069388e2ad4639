import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { ignoring } from './ignoring.js'
import type { S3Calls } from './s3-calls.js'
import { StorageRefusal, StorageUnavailable, type UploadedPart } from './storage.js'

interface Multipart {
  readonly key: string
  readonly uploadId: string
}

interface Dependencies {
  readonly calls: S3Calls
  readonly bucket: string
  readonly deadlineMs: number
  /** For joining the parts. */
  readonly longDeadlineMs: number
}

/** Uploads in parts. */
export class S3Multiparts {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  async begin({ key, contentType }: { key: string; contentType: string }): Promise<{ uploadId: string }> {
    const { calls, bucket, deadlineMs } = this.#deps
    const command = new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ContentType: contentType })
    const { UploadId: uploadId } = await calls.send({ what: 'beginning a multipart', deadlineMs }, command)
    if (uploadId === undefined) throw new StorageUnavailable('S3 began a multipart without an id')
    return { uploadId }
  }

  /** @throws StorageRefusal `wrong_parts` or `no_upload` */
  async complete({ key, uploadId, parts }: Multipart & { parts: readonly UploadedPart[] }): Promise<void> {
    if (parts.length === 0) throw new StorageRefusal('wrong_parts')
    const { calls, bucket, longDeadlineMs: deadlineMs } = this.#deps
    const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
    const command = new CompleteMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId, MultipartUpload: { Parts } })
    await calls.send({ what: 'completing a multipart', deadlineMs, expected: ['wrong_parts', 'no_upload'] }, command)
  }

  async abort({ key, uploadId }: Multipart): Promise<void> {
    const { calls, bucket, deadlineMs } = this.#deps
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId })
    await ignoring('no_upload', calls.send({ what: 'aborting a multipart', deadlineMs, expected: ['no_upload'] }, command))
  }
}
