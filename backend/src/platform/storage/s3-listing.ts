import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3'
import type { S3Calls } from './s3-calls.js'
import type { ListedMultipart, ListedObject } from './storage.js'

/** A bucket, and how long a page may take. */
interface Where {
  readonly bucket: string
  readonly deadlineMs: number
}

/** Page by page, in the order of the keys; what is not asked for is not fetched. */
export const listedObjects = async function* (
  calls: S3Calls,
  { bucket, deadlineMs, prefix, after }: Where & { prefix: string; after: string | undefined },
): AsyncGenerator<ListedObject> {
  let begin: { StartAfter?: string; ContinuationToken?: string } | undefined = after === undefined ? {} : { StartAfter: after }
  while (begin) {
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...begin })
    const page: ListObjectsV2CommandOutput = await calls.send({ what: 'listing objects', deadlineMs }, command)
    for (const { Key: key, Size: size, LastModified: modifiedAt } of page.Contents ?? []) {
      if (key !== undefined && size !== undefined && modifiedAt !== undefined) yield { key, size, modifiedAt }
    }
    begin = page.NextContinuationToken === undefined ? undefined : { ContinuationToken: page.NextContinuationToken }
  }
}

export const listedMultiparts = async function* (calls: S3Calls, { bucket, deadlineMs }: Where): AsyncGenerator<ListedMultipart> {
  let begin: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (begin) {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, ...begin })
    const page: ListMultipartUploadsCommandOutput = await calls.send({ what: 'listing multiparts', deadlineMs }, command)
    for (const { Key: key, UploadId: uploadId, Initiated: begunAt } of page.Uploads ?? []) {
      if (key !== undefined && uploadId !== undefined && begunAt !== undefined) yield { key, uploadId, begunAt }
    }
    const { IsTruncated: more, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
    begin = more && KeyMarker !== undefined && UploadIdMarker !== undefined ? { KeyMarker, UploadIdMarker } : undefined
  }
}
