import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { mongo } from 'mongoose'
import { inject, onTestFinished, vi } from 'vitest'
import { type Archive, type Making, makeBackup } from '../../src/backup/make.js'
import { sealingTo } from '../../src/backup/sealing.js'
import type { TestApp } from './test-app.js'

const entry = fileURLToPath(new URL('../../dist/admin.js', import.meta.url))
const deadlineMs = 120_000

interface Ended {
  readonly exitCode: number
  readonly output: string
  readonly errors: string
}

/** What `npm run admin -- …` does, at the app's database and with its uploads. */
export const admin = async (app: TestApp, words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> => {
  const child = spawn(process.execPath, [entry, ...words], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      MONGO_URI: app.context.config.mongo.uri,
      REDIS_URL: inject('redisUrl'),
      JWT_SECRET: app.secret,
      UPLOAD_DIR: app.uploads,
      ...environment,
    },
    timeout: deadlineMs,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, errors, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { exitCode, output, errors }
}

/** A folder, removed when the test has finished. */
export const aFolder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'heliograph-backups-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** The databases of the server that the app uses. */
export const serverOf = (app: TestApp): mongo.MongoClient => app.context.mongo.connection.getClient()

export const databaseOf = (app: TestApp): mongo.Db => serverOf(app).db(app.context.mongo.connection.name)

/** Copies the app's database in this process. */
export const backUp = async (app: TestApp, given: Partial<Making> = {}): Promise<Archive> =>
  makeBackup({
    db: databaseOf(app),
    logger: app.context.logger,
    folder: given.folder ?? (await aFolder()),
    sealing: sealingTo(undefined),
    version: 'test',
    uploads: undefined,
    redis: undefined,
    ...given,
  })

/** Every document of a database as the bytes that the server sends, in hex, by collection and id; those aside that a restore makes itself. */
export const contentOf = async (db: mongo.Db): Promise<Map<string, string>> => {
  const content = new Map<string, string>()
  for (const { name } of await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray()) {
    if (['leases', 'meta', 'admission', 'audit'].includes(name)) continue
    for await (const bytes of db.collection(name).find({}, { raw: true }) as unknown as AsyncIterable<Buffer>) {
      content.set(`${name} ${String(mongo.BSON.deserialize(bytes)['_id'])}`, bytes.toString('hex'))
    }
  }
  return content
}

/** Makes the app's worker one that has died, by its lease; the test still asks its database. */
export const leaseOver = async ({ context }: TestApp): Promise<void> => {
  context.leases.stop()
  await context.mongo.connection.collection('leases').updateMany({}, { $set: { expiresAt: new Date(0) } })
}

/** A name for a database on the app's server, which is dropped when the test has finished. */
export const aPlace = (app: TestApp): string => {
  const name = `test-restored-${randomUUID()}`
  onTestFinished(async () => void (await serverOf(app).db(name).dropDatabase()))
  return name
}

/** As `leaseOver`, once all is told and written down: from then on nothing in the app's database changes by itself. */
export const atRest = async (app: TestApp): Promise<void> => {
  const { lastSeen, sweeper, maintenance, outbox } = app.context
  const untold = async () => {
    const names = ['messages', 'conversations', 'receipts', 'users', 'sessions', 'blocks']
    const found = await Promise.all(
      names.map((name) =>
        databaseOf(app)
          .collection(name)
          .findOne({ 'outbox.0': { $exists: true } }),
      ),
    )
    return found.some((document) => document !== null)
  }
  await vi.waitUntil(async () => !(await untold()), { timeout: 60_000, interval: 100 })
  await lastSeen.stop()
  await sweeper.stop()
  await maintenance.stop()
  await outbox.settled()
  await leaseOver(app)
}
