import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { mongo } from 'mongoose'
import { onTestFinished } from 'vitest'
import { backfill } from '../../src/migrations/backfill.js'
import { alone } from '../../src/migrations/lock.js'
import type { Migration } from '../../src/migrations/migration.js'
import { runPending } from '../../src/migrations/run.js'
import { aDatabase } from './test-app.js'

const entry = fileURLToPath(new URL('../../dist/migrate.js', import.meta.url))
const deadlineMs = 120_000

interface Migrating {
  readonly pid: number
  /** What it has said so far. */
  output(): string
  signal(name: NodeJS.Signals): void
  /** How it ended. */
  ended(): Promise<{ code: number | null; output: string; errors: string }>
}

/** `npm run migrate -- …`, once it is built; killed when the test has finished. */
export const migrating = (uri: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Migrating => {
  const child = spawn(process.execPath, [entry, ...words], {
    env: { PATH: process.env['PATH'] ?? '', MONGO_URI: uri, JWT_SECRET: randomBytes(48).toString('base64'), ...environment },
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString()
  })
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString()
  })
  const closed = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await closed
  })
  return {
    pid: child.pid ?? 0,
    output: () => output,
    signal: (name) => void child.kill(name),
    ended: async () => {
      await closed
      return { code: child.exitCode, output, errors }
    },
  }
}

/** Runs it to its end. */
export const migrated = (...given: Parameters<typeof migrating>) => migrating(...given).ended()

/** A database of this test's own, and where it is. Dropped when the test has finished. */
export const anEmptyDatabase = async (): Promise<{ uri: string; db: mongo.Db }> => {
  const uri = aDatabase()
  const client = await mongo.MongoClient.connect(uri)
  const db = client.db(new URL(uri).pathname.slice(1))
  onTestFinished(async () => {
    await db.dropDatabase()
    await client.close()
  })
  return { uri, db }
}

/** Messages as they were before they carried words, or the time of their last change. */
export const oldMessages = (count: number, conversationId = new mongo.ObjectId()): mongo.Document[] =>
  Array.from({ length: count }, (_, n) => ({
    _id: new mongo.ObjectId(),
    conversationId,
    seq: n + 1,
    senderId: conversationId,
    clientId: `client ${n}`,
    contentHash: 'hash',
    type: 'user',
    text: `signal number ${n}`,
    version: 1,
    createdAt: new Date(Date.UTC(2026, 0, 1) + n * 1000),
  }))

interface OldMessage {
  _id: mongo.ObjectId
  seq: number
  words?: string[]
}

/** A migration in batches of ten. @param looked told of each document before it is written */
export const aBackfill = (looked: (document: OldMessage) => void): Migration =>
  backfill<OldMessage>({
    number: 7,
    name: 'test',
    about: 'what tests are about',
    collection: 'messages',
    lacking: { words: { $exists: false } },
    fields: ['seq'],
    batchSize: 10,
    writes: (document) => {
      looked(document)
      return [{ filter: { _id: document._id }, update: { $set: { words: ['WORD'] } } }]
    },
  })

/** Runs migrations in this process. */
export const running = (db: mongo.Db, migrations: readonly Migration[], told: string[] = []): Promise<void> => {
  const { signal } = new AbortController()
  const tell = (line: string): void => void told.push(line)
  return alone({ db, waitMs: 60_000, tell, signal }, (lock) => runPending({ db, migrations, lock, signal, tell }))
}
