import { readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { archiveName } from '../src/backup/archive-name.js'
import { copyToBucket } from '../src/backup/remote.js'
import { admin, aFolder, backUp, databaseOf } from './support/backups.js'
import { aDirectConversation } from './support/people.js'
import { aBucket, type Bucket } from './support/s3.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const dayMs = 86_400_000
let app: TestApp
let bucket: Bucket
beforeAll(async () => {
  ;[app, bucket] = await Promise.all([startTestApp(), aBucket()])
  await aDirectConversation(app)
})
afterAll(async () => {
  await app.close()
  await bucket.remove()
})

const keysIn = async (): Promise<string[]> => {
  const { Contents: found = [] } = await bucket.client.send(new ListObjectsV2Command({ Bucket: bucket.settings.bucket }))
  return found.map(({ Key = '' }) => Key)
}
/** The bucket for backups alone: uploads stay in their folder. */
const environment = () => {
  const { AWS_S3_BUCKET: name = '', ...reached } = bucket.environment
  return { ...reached, BACKUP_S3_BUCKET: name }
}

describe('a bucket of backups', { timeout: 90_000 }, () => {
  it('gets each backup whole, and keeps as many as are to be kept, as the folder does', async () => {
    const folder = await aFolder()
    for (const daysAgo of [1, 2, 3]) {
      const { path } = await backUp(app, { folder })
      const former = join(
        dirname(path),
        archiveName({ database: databaseOf(app).databaseName, begunAt: new Date(Date.now() - daysAgo * dayMs) }),
      )
      await rename(path, former)
      await copyToBucket({ s3: bucket.settings, prefix: 'backups/' }, former)
    }
    const keep = { BACKUP_KEEP_DAILY: '2', BACKUP_KEEP_WEEKLY: '0', BACKUP_KEEP_MONTHLY: '0' }
    const made = await admin(app, ['backup', '--to', folder], { ...environment(), ...keep })
    expect(made).toMatchObject({ exitCode: 0 })
    const [path = '', address] = made.output.trim().split('\n')
    expect(address).toBe(`s3://${bucket.settings.bucket}/backups/${basename(path)}`)
    const names = (await readdir(folder)).toSorted()
    expect(names).toHaveLength(2)
    expect(names.at(-1)).toBe(basename(path))
    const keys = await keysIn()
    expect([...new Set(keys.map((key) => key.split('/')[1] ?? ''))].toSorted()).toEqual(names)
    const files = keys.filter((key) => key.includes(basename(path))).map((key) => basename(key))
    expect(files.toSorted()).toEqual((await readdir(path)).toSorted())
  })

  it.each([
    ['cannot be reached', { AWS_S3_ENDPOINT: 'http://127.0.0.1:1' }],
    ['is not there', { BACKUP_S3_BUCKET: 'no-such-bucket' }],
    ['is not for this key', { AWS_SECRET_ACCESS_KEY: 'another-secret' }],
  ])('that %s fails the backup, which is kept in the folder all the same', async (_why, wrong) => {
    const folder = await aFolder()
    const failed = await admin(app, ['backup', '--to', folder], { ...environment(), ...wrong })
    expect(failed).toMatchObject({ exitCode: 1, errors: expect.stringContaining('was not copied to the bucket') })
    expect(failed.errors).not.toContain('another-secret')
    expect(await admin(app, ['verify', failed.output.trim()])).toMatchObject({ exitCode: 0 })
  })
})
