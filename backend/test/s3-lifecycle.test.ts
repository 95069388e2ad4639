import { randomUUID } from 'node:crypto'
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3'
import { expect, it, onTestFinished } from 'vitest'
import { startCeph } from '../../dev/services/s3/ceph.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { setUpBucket } from '../src/platform/storage/s3-setup.js'
import { S3Storage } from '../src/platform/storage/s3-storage.js'
import { bucketNamed } from './support/s3.js'

const patient = { timeout: 60_000, interval: 200 }

it('a bucket that was set up rids itself of what was begun and left, and of what was removed, and keeps the rest', {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder()
  onTestFinished(() => folder.remove())
  const days = 'rgw_lc_debug_interval = 1' // of one second
  const ceph = await startCeph({ dataFolder: folder.path, environment: process.env }, [days])
  onTestFinished(() => ceph.stop())
  const { settings, client } = bucketNamed(`test-${randomUUID()}`, ceph.access)
  for await (const _line of setUpBucket(settings, [])) continue
  const storage = new S3Storage(settings)
  onTestFinished(() => storage.close())

  const kept = 'final/0123456789abcdef01234567/original'
  const removed = 'final/0123456789abcdef76543210/original'
  const pending = 'pending/0123456789abcdef01234567'
  for (const key of [kept, removed, pending]) await storage.write(key, Buffer.from('x'), { size: 1, contentType: 'image/png' })
  await storage.remove([removed])
  await storage.beginMultipart({ key: 'pending/0123456789abcdef00000000', contentType: 'image/png' })

  const versions = async () => {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: settings.bucket }))
    return [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key }) => Key)
  }
  const begun = async () => {
    const keys: string[] = []
    for await (const { key } of storage.multiparts()) keys.push(key)
    return keys
  }
  await expect.poll(() => storage.head(pending), patient).toBeUndefined()
  await expect.poll(begun, patient).toEqual([])
  await expect.poll(versions, patient).not.toContain(removed)
  expect(await storage.head(kept)).toBeDefined()
  client.destroy()
})
