import { createSecretKey, randomUUID } from 'node:crypto'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import type { S3Access } from '../../../dev/services/s3.js'
import type { S3Settings } from '../../src/platform/storage/s3-client.js'
import { type TcpProxy, through } from './tcp-proxy.js'

/** A bucket that nobody else has, on a real server. */
export interface Bucket {
  readonly settings: S3Settings
  /** What makes a server use it. */
  readonly environment: Readonly<Record<string, string>>
  /** The owner's own client. */
  readonly client: S3Client
  /** The same bucket, reached through a proxy. */
  through(proxy: TcpProxy): Bucket
  /** Removes it with all that is in it. */
  remove(): Promise<void>
}

/** @throws Error with what to type where there is no S3 */
export const s3Access = (): S3Access => {
  const access = inject('s3')
  if ('missing' in access) throw new Error(access.missing)
  return access
}

const clientOf = ({ endpoint, region, accessKeyId, secretAccessKey }: S3Access): S3Client =>
  new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })

const emptied = async (client: S3Client, bucket: string): Promise<void> => {
  for (let more = true; more; ) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }))
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key, VersionId }) => ({ Key, VersionId }))
    if (found.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: found } }))
    more = page.IsTruncated === true
  }
}

const bucketAt = (access: S3Access, bucket: string): Bucket => {
  const { endpoint, region, accessKeyId, secretAccessKey } = access
  const client = clientOf(access)
  const credentials = { accessKeyId, secretAccessKey: createSecretKey(secretAccessKey, 'utf8') }
  return {
    settings: { bucket, endpoint, region, forcePathStyle: true, credentials },
    environment: {
      AWS_S3_BUCKET: bucket,
      AWS_S3_ENDPOINT: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    client,
    through: (proxy) => bucketAt({ ...access, endpoint: new URL(through(endpoint, proxy)).origin }, bucket),
    async remove() {
      await emptied(client, bucket)
      await client.send(new DeleteBucketCommand({ Bucket: bucket }))
      client.destroy()
    },
  }
}

/** A bucket that may be there or not. */
export const bucketNamed = (name: string, access = s3Access()): Bucket => bucketAt(access, name)

/** Makes a bucket in which nothing is public. */
export const aBucket = async ({ mayBePublic = false } = {}): Promise<Bucket> => {
  const made = bucketNamed(`test-${randomUUID()}`)
  const Bucket = made.settings.bucket
  await made.client.send(new CreateBucketCommand({ Bucket }))
  // Ceph 16 refuses every PUT where BlockPublicAcls is set
  const blocks = { IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true }
  if (!mayBePublic) await made.client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: blocks }))
  return made
}
