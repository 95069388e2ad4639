import { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { contentDisposition } from './content-disposition.js'
import { guardedBody } from './guarded-body.js'
import { ignoring } from './ignoring.js'
import { publicFaults } from './s3-bucket.js'
import { S3Calls } from './s3-calls.js'
import { type S3Settings, s3ClientOf } from './s3-client.js'
import { listedMultiparts, listedObjects } from './s3-listing.js'
import { S3Multiparts } from './s3-multiparts.js'
import { S3Presigner } from './s3-presigner.js'
import { writeBytes, writeStream } from './s3-writing.js'
import { writeInParts } from './s3-writing-parts.js'
import {
  type ListedMultipart,
  type ListedObject,
  type SignedRequest,
  type Storage,
  StorageRefusal,
  StorageUnavailable,
  type StoredObject,
} from './storage.js'

interface Timing {
  /** For a call that moves no bytes, and for silence in a body. */
  readonly deadlineMs: number
  /** For what S3 does with bytes that it has: joining parts, copying. */
  readonly longDeadlineMs: number
  readonly uploadTtlSeconds: number
  readonly downloadTtlSeconds: number
}

const usualTiming: Timing = { deadlineMs: 5000, longDeadlineMs: 60_000, uploadTtlSeconds: 900, downloadTtlSeconds: 900 }
interface Sizes {
  /** What is more is written in parts. */
  readonly mostAtOnceBytes: number
  readonly partBytes: number
}

const gib = 1024 ** 3
/** S3 takes 5 GiB at once, 10,000 parts, and 5 TiB in all. */
const usualSizes: Sizes = { mostAtOnceBytes: 5 * gib, partBytes: gib }
/** Slower writing is given up. */
const leastBytesPerMs = 256
/** By S3's rules. */
const mostRemovedAtOnce = 1000

/** Objects in a bucket of S3, or of a server that speaks like it. */
export class S3Storage implements Storage {
  readonly #bucket: string
  readonly #client: S3Client
  readonly #calls: S3Calls
  readonly #presigner: S3Presigner
  readonly #multiparts: S3Multiparts
  readonly #timing: Timing
  readonly #sizes: Sizes
  constructor(settings: S3Settings, timing: Partial<Timing> = {}, sizes: Sizes = usualSizes) {
    this.#sizes = sizes
    this.#bucket = settings.bucket
    this.#timing = { ...usualTiming, ...timing }
    this.#client = s3ClientOf(settings)
    this.#calls = new S3Calls(this.#client)
    this.#presigner = new S3Presigner(this.#client, this.#bucket)
    this.#multiparts = new S3Multiparts({ calls: this.#calls, bucket: this.#bucket, ...this.#timing })
  }

  presignPut({ key, size, contentType, sha256 }: Parameters<Storage['presignPut']>[0]): Promise<SignedRequest> {
    return this.#presignUpload(key, { 'content-length': String(size), 'content-type': contentType, 'x-amz-checksum-sha256': sha256 }, {})
  }

  beginMultipart(object: Parameters<Storage['beginMultipart']>[0]): Promise<{ uploadId: string }> {
    return this.#multiparts.begin(object)
  }

  presignPart({ key, uploadId, number, size }: Parameters<Storage['presignPart']>[0]): Promise<SignedRequest> {
    return this.#presignUpload(key, { 'content-length': String(size) }, { partNumber: String(number), uploadId })
  }

  async completeMultipart(upload: Parameters<Storage['completeMultipart']>[0]): Promise<void> {
    try {
      await this.#multiparts.complete(upload)
    } catch (error) {
      if (!(error instanceof StorageRefusal) || error.reason !== 'no_upload') throw error
      if (!(await this.head(upload.key))) throw error // else it was completed before, and the answer was lost
    }
  }

  abortMultipart(upload: Parameters<Storage['abortMultipart']>[0]): Promise<void> {
    return this.#multiparts.abort(upload)
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key, ChecksumMode: 'ENABLED' })
    const found = await ignoring(
      'no_object',
      this.#calls.send({ ...this.#quick('looking at an object'), expected: ['no_object'] }, command),
    )
    if (!found) return undefined
    const { ContentLength: size = 0, ContentType: contentType = '', ChecksumSHA256: sha256, ChecksumType: kind } = found
    return { size, contentType, ...(sha256 !== undefined && kind !== 'COMPOSITE' && { sha256 }) } // a composite one is of the parts' checksums
  }

  async read(key: string, range?: { start: number; end: number }): Promise<Readable> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key, ...(range && { Range: `bytes=${range.start}-${range.end}` }) })
    const { Body: body } = await this.#calls.send({ ...this.#quick('reading an object'), expected: ['no_object'] }, command)
    if (!(body instanceof Readable)) throw new StorageUnavailable('S3 answered an object without a body')
    return guardedBody(body, this.#timing.deadlineMs)
  }

  write(key: string, body: Readable | Buffer, { size, contentType }: { size: number; contentType: string }): Promise<void> {
    const deadlineMsOf = (bytes: number) => this.#timing.deadlineMs + bytes / leastBytesPerMs
    if (size > this.#sizes.mostAtOnceBytes && !Buffer.isBuffer(body)) {
      const target = { bucket: this.#bucket, key, contentType, size }
      return writeInParts(this.#calls, this.#multiparts, target, body, { ...this.#sizes, deadlineMsOf })
    }
    const target = { Bucket: this.#bucket, Key: key, ContentType: contentType, ContentLength: size }
    const deadlineMs = deadlineMsOf(size)
    return Buffer.isBuffer(body) ? writeBytes(this.#calls, target, body, deadlineMs) : writeStream(this.#calls, target, body, deadlineMs)
  }

  async copy(from: string, to: string, { contentType }: { contentType: string }): Promise<void> {
    const source = `${this.#bucket}/${from}` // keys are the server's own: nothing in them has to be encoded
    const target = { Bucket: this.#bucket, Key: to, ContentType: contentType, MetadataDirective: 'REPLACE' as const }
    const call = { what: 'copying an object', deadlineMs: this.#timing.longDeadlineMs, expected: ['no_object' as const] }
    await this.#calls.send(call, new CopyObjectCommand({ ...target, CopySource: source }))
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += mostRemovedAtOnce) {
      const Objects = keys.slice(from, from + mostRemovedAtOnce).map((Key) => ({ Key }))
      const command = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })
      const { Errors: errors = [] } = await this.#calls.send(this.#quick('removing objects'), command)
      if (errors.length > 0) throw new StorageUnavailable(`removing objects: ${errors.length} are still there (${errors[0]?.Code ?? '?'})`)
    }
  }

  presignGet(key: string, as: Parameters<Storage['presignGet']>[1]): Promise<{ url: string; expiresAt: Date }> {
    const query = { 'response-content-disposition': contentDisposition(as), 'response-content-type': as.contentType }
    const request = { method: 'GET', key, query, headers: {}, ttlSeconds: this.#timing.downloadTtlSeconds } as const
    return this.#calls.make(this.#quick('signing'), () => this.#presigner.presign(request))
  }

  list(prefix: string, after?: string): AsyncIterable<ListedObject> {
    return listedObjects(this.#calls, { ...this.#where, prefix, after })
  }

  multiparts(): AsyncIterable<ListedMultipart> {
    return listedMultiparts(this.#calls, this.#where)
  }

  async check(): Promise<void> {
    await this.#calls.send(this.#quick('looking at the bucket'), new HeadBucketCommand({ Bucket: this.#bucket }))
  }

  faults(): Promise<readonly string[]> {
    return publicFaults(this.#calls, this.#where)
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }

  get #where(): { bucket: string; deadlineMs: number } {
    return { bucket: this.#bucket, deadlineMs: this.#timing.deadlineMs }
  }

  #quick(what: string): { what: string; deadlineMs: number } {
    return { what, deadlineMs: this.#timing.deadlineMs }
  }

  async #presignUpload(
    key: string,
    headers: Readonly<Record<string, string>>,
    query: Readonly<Record<string, string>>,
  ): Promise<SignedRequest> {
    const request = { method: 'PUT', key, query, headers, ttlSeconds: this.#timing.uploadTtlSeconds } as const
    const { url, expiresAt } = await this.#calls.make(this.#quick('signing'), () => this.#presigner.presign(request))
    return { method: 'PUT', url, headers, expiresAt }
  }
}
