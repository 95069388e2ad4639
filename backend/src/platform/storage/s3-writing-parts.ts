import { Readable } from 'node:stream'
import { UploadPartCommand } from '@aws-sdk/client-s3'
import type { S3Calls } from './s3-calls.js'
import type { S3Multiparts } from './s3-multiparts.js'
import { sendingStream } from './s3-writing.js'
import { StorageUnavailable, type UploadedPart } from './storage.js'

interface Target {
  readonly bucket: string
  readonly key: string
  readonly contentType: string
  /** All of it, in bytes. */
  readonly size: number
}

interface Parts {
  /** In bytes, of all but the last one. */
  readonly partBytes: number
  /** For a part of so many bytes. */
  readonly deadlineMsOf: (bytes: number) => number
}

/** The next bytes of a stream, and what of a chunk is beyond them: for whoever asks next. */
async function* take(chunks: AsyncIterator<Buffer>, bytes: number, kept: { rest: Buffer | undefined }): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; ) {
    const next = kept.rest === undefined ? await chunks.next() : { value: kept.rest }
    if (next.done === true) return
    const chunk = next.value.subarray(0, left)
    kept.rest = next.value.length > left ? next.value.subarray(left) : undefined
    left -= chunk.length
    yield chunk
  }
}

/** Writes what is more than S3 takes at once: in parts, one after the other, taken back where one fails. @throws as `writeStream` */
export const writeInParts = async (
  calls: S3Calls,
  multiparts: S3Multiparts,
  { bucket, key, contentType, size }: Target,
  body: Readable,
  { partBytes, deadlineMsOf }: Parts,
): Promise<void> => {
  const { uploadId } = await multiparts.begin({ key, contentType })
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]()
  const kept: { rest: Buffer | undefined } = { rest: undefined }
  const parts: UploadedPart[] = []
  try {
    for (let from = 0; from < size; from += partBytes) {
      const [number, bytes] = [parts.length + 1, Math.min(partBytes, size - from)]
      const part = Readable.from(take(chunks, bytes, kept))
      const { ETag: etag } = await sendingStream(bytes, part, (Body, signal) => {
        const command = new UploadPartCommand({
          Bucket: bucket,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          ContentLength: bytes,
          Body,
        })
        return calls.send({ what: 'writing a part', deadlineMs: deadlineMsOf(bytes), signal }, command)
      })
      if (etag === undefined) throw new StorageUnavailable('S3 took a part without an answer')
      parts.push({ number, etag })
    }
    if (kept.rest !== undefined || (await chunks.next()).done !== true) throw new Error(`more than the ${size} bytes that were said`)
    await multiparts.complete({ key, uploadId, parts })
  } catch (error) {
    body.destroy()
    await multiparts.abort({ key, uploadId }).catch(() => undefined) // the bucket's lifecycle removes it
    throw error
  }
}
