import { createHash, randomBytes, randomUUID } from 'node:crypto'
import {
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setUpBucket } from '../src/platform/storage/s3-setup.js'
import { S3Storage } from '../src/platform/storage/s3-storage.js'
import { StorageUnavailable } from '../src/platform/storage/storage.js'
import { aBucket, type Bucket, bucketNamed } from './support/s3.js'
import { send } from './support/signed-request.js'

const origins = ['https://chat.example.com', 'https://admin.example.com']
const allOf = async (lines: AsyncIterable<string>) => {
  const printed: string[] = []
  for await (const line of lines) printed.push(line)
  return printed
}

describe('a bucket that was set up', () => {
  let bucket: Bucket
  let storage: S3Storage
  beforeAll(async () => {
    bucket = bucketNamed(`test-${randomUUID()}`)
    storage = new S3Storage(bucket.settings)
    expect((await allOf(setUpBucket(bucket.settings, origins)))[0]).toMatch(/was made$/)
  })
  afterAll(async () => {
    await storage.close()
    await bucket.remove()
  })

  it('has no faults, and takes and serves uploads', async () => {
    expect(await storage.faults()).toEqual([])
    const bytes = new Uint8Array(randomBytes(10))
    const key = 'pending/0123456789abcdef01234567'
    const sha256 = createHash('sha256').update(bytes).digest('base64')
    expect((await send(await storage.presignPut({ key, size: 10, contentType: 'image/png', sha256 }), bytes)).status).toBe(200)
    const { url } = await storage.presignGet(key, { fileName: 'x.png', contentType: 'image/png', inline: true })
    expect((await fetch(url)).status).toBe(200)
    expect((await fetch(url.split('?')[0] ?? '')).status).toBe(403)
  })

  it('refuses what asks to be public, its owner’s too', async () => {
    const Bucket = bucket.settings.bucket
    for (const ACL of ['public-read', 'public-read-write', 'authenticated-read'] as const) {
      const put = bucket.client.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'x', ACL }))
      await expect(put).rejects.toMatchObject({ name: 'AccessDenied' })
    }
    await expect(bucket.client.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'x' }))).resolves.toBeDefined()
  })

  it('lets pages of the origins upload, and no others', async () => {
    const { url } = await storage.presignPut({ key: 'pending/x', size: 1, contentType: 'image/png', sha256: 'x' })
    const preflight = (origin: string, method: string, headers: string) =>
      fetch(url, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': headers },
      })
    for (const origin of origins) {
      const answer = await preflight(origin, 'PUT', 'content-type,x-amz-checksum-sha256')
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin])
      expect(answer.headers.get('access-control-allow-methods')).toContain('PUT')
      expect(answer.headers.get('access-control-expose-headers')?.toLowerCase()).toContain('etag')
    }
    expect((await preflight('https://evil.example', 'PUT', 'content-type')).status).toBe(403)
    expect((await preflight('https://chat.example.com', 'DELETE', 'content-type')).status).toBe(403)
    expect((await preflight('https://chat.example.com', 'PUT', 'x-amz-acl')).status).toBe(403)
  })

  it('has versions, and rules for what is left behind', async () => {
    const Bucket = bucket.settings.bucket
    expect(await bucket.client.send(new GetBucketVersioningCommand({ Bucket }))).toMatchObject({ Status: 'Enabled' })
    const { Rules = [] } = await bucket.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))
    expect(Rules).toContainEqual(expect.objectContaining({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }))
    expect(Rules).toContainEqual(expect.objectContaining({ Filter: { Prefix: 'pending/' }, Expiration: { Days: 2 } }))
  })

  it('is set up again without a change', async () => {
    const Bucket = bucket.settings.bucket
    const state = async () => {
      const { client } = bucket
      const answers = await Promise.all([
        client.send(new GetPublicAccessBlockCommand({ Bucket })),
        client.send(new GetBucketPolicyCommand({ Bucket })),
        client.send(new GetBucketCorsCommand({ Bucket })),
        client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
        client.send(new GetBucketVersioningCommand({ Bucket })),
      ])
      return answers.map(({ $metadata: _, ...answer }) => answer)
    }
    const before = await state()
    expect((await allOf(setUpBucket(bucket.settings, origins)))[0]).toMatch(/is there$/)
    expect(await state()).toEqual(before)
  })
})

describe('setting up a bucket', () => {
  it('leaves the rules of others alone', async () => {
    const bucket = await aBucket({ mayBePublic: true })
    const { client, settings } = bucket
    const Bucket = settings.bucket
    const Resource = `arn:aws:s3:::${Bucket}/theirs/*`
    const theirs = { Sid: 'Theirs', Effect: 'Deny', Principal: '*', Action: 's3:DeleteObject', Resource }
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement: [theirs] }) }))
    const rule = { ID: 'theirs', AllowedOrigins: ['https://other.example'], AllowedMethods: ['GET'] }
    await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }))
    const expiry = { ID: 'theirs', Status: 'Enabled' as const, Filter: { Prefix: 'theirs/' }, Expiration: { Days: 1 } }
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [expiry] } }))
    await allOf(setUpBucket(settings, origins))
    const { Policy = '' } = await client.send(new GetBucketPolicyCommand({ Bucket }))
    expect(JSON.parse(Policy).Statement.map(({ Sid }: { Sid: string }) => Sid)).toEqual(['Theirs', 'HeliographNothingPublic'])
    const { CORSRules = [] } = await client.send(new GetBucketCorsCommand({ Bucket }))
    expect(new Set(CORSRules.map(({ ID }) => ID))).toEqual(new Set(['heliograph', 'theirs']))
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))
    const names = ['heliograph-final', 'heliograph-multiparts', 'heliograph-pending', 'theirs']
    expect(new Set(Rules.map(({ ID }) => ID))).toEqual(new Set(names))
    await bucket.remove()
  })

  it('says that the server refuses, or is not there', async () => {
    const bucket = bucketNamed(`test-${randomUUID()}`)
    const credentials = bucket.settings.credentials && { ...bucket.settings.credentials, accessKeyId: 'NOBODY' }
    await expect(allOf(setUpBucket({ ...bucket.settings, credentials }, []))).rejects.toBeInstanceOf(StorageUnavailable)
    await expect(allOf(setUpBucket({ ...bucket.settings, endpoint: 'http://127.0.0.1:1' }, []))).rejects.toBeInstanceOf(StorageUnavailable)
    bucket.client.destroy()
  })
})
