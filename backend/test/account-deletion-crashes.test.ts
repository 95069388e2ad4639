import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { accountDeletionJob, Closing } from '../src/features/account-deletion/index.js'
import { limitNames } from '../src/http/limits-table.js'
import { deletionIsDone, goes } from './support/deletion.js'
import { aRunner, idle, jobsOf, makeDue, storeOf } from './support/jobs.js'
import { afterwards, anApp, aStream, deadline } from './support/listening.js'
import { aGroup, aPerson, type Person } from './support/people.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { anUpload, aPending, aPicture } from './support/uploads.js'

const removing = { ACCOUNT_DELETION: 'remove' }
const byHand = { ...idle, uploads: { everyMs: 3_600_000 } }

/** What the job of an app's worker does its work with. */
const partsOf = ({ context }: TestApp) => ({
  closing: new Closing({ users: context.userClosing, sessions: context.sessions, tokens: context.oneTimeTokens }),
  users: context.userClosing,
  memberships: context.memberships,
  members: context.members,
  messages: context.messagesOfOne,
  blocks: context.blockService,
  receipts: context.receipts,
  sessions: context.sessions,
  uploads: context.uploadsOfOne,
  removeExports: (userId: string) => context.exports.removeAll(userId),
})
type Parts = ReturnType<typeof partsOf>

/** Does what is asked of it, or not, and then is heard of no more: its worker was killed. */
const dyingAt = <T extends object>(part: T, name: keyof T, moment: 'before' | 'after', died: () => void): T =>
  new Proxy(part, {
    get(target, asked) {
      const value: unknown = Reflect.get(target, asked)
      if (typeof value !== 'function') return value
      if (asked !== name) return value.bind(target)
      return async (...parameters: unknown[]) => {
        if (moment === 'after') await value.apply(target, parameters)
        died()
        return new Promise(() => undefined)
      }
    },
  })

const steps: { readonly step: string; readonly break: (parts: Parts, moment: 'before' | 'after', died: () => void) => Parts }[] = [
  { step: 'closing the account', break: (parts, ...how) => ({ ...parts, closing: dyingAt(parts.closing, 'close', ...how) }) },
  { step: 'telling of it', break: (parts, ...how) => ({ ...parts, users: dyingAt(parts.users, 'told', ...how) }) },
  { step: 'leaving a group', break: (parts, ...how) => ({ ...parts, members: dyingAt(parts.members, 'leave', ...how) }) },
  { step: 'erasing messages', break: (parts, ...how) => ({ ...parts, messages: dyingAt(parts.messages, 'eraseNext', ...how) }) },
  { step: 'forgetting blocks', break: (parts, ...how) => ({ ...parts, blocks: dyingAt(parts.blocks, 'forgetOf', ...how) }) },
  { step: 'removing exports', break: (parts, ...how) => dyingAt(parts, 'removeExports', ...how) },
  { step: 'letting files go', break: (parts, ...how) => ({ ...parts, uploads: dyingAt(parts.uploads, 'forget', ...how) }) },
  { step: 'forgetting devices', break: (parts, ...how) => ({ ...parts, sessions: dyingAt(parts.sessions, 'forgetDevices', ...how) }) },
  { step: 'forgetting receipts', break: (parts, ...how) => ({ ...parts, receipts: dyingAt(parts.receipts, 'forgetOf', ...how) }) },
]

/** Nothing of them is left, and everybody knows. */
const isGoneEverywhere = async (app: TestApp, gone: Person, other: Person, groups: readonly string[]): Promise<void> => {
  const userId = new Types.ObjectId(gone.id)
  const count = (name: string, filter: object) => app.context.mongo.connection.collection(name).countDocuments(filter)
  expect(await count('conversations', { type: 'group', 'members.userId': userId })).toBe(0)
  expect(await count('messages', { senderId: userId, text: { $ne: null } })).toBe(0)
  expect(await count('blocks', { blockerId: userId })).toBe(0)
  const left = groups.map((group) => new Types.ObjectId(group)) // where the message that says so is read by who leaves
  expect(await count('receipts', { userId, conversationId: { $nin: left } })).toBe(0)
  expect(
    await count('sessions', { userId, $or: [{ device: { $ne: null } }, { ip: { $exists: true } }, { revokedAt: { $exists: false } }] }),
  ).toBe(0)
  const theirs = { ownerId: userId }
  const longAgo = { $set: { usedAt: new Date(0) } } // what is about to be shown is kept for some minutes
  await app.context.mongo.connection.collection('uploads').updateMany({ ...theirs, usedAt: { $exists: true } }, longAgo)
  await app.context.uploadSweeper.sweep(100)
  expect(await count('uploads', { ...theirs, status: { $ne: 'removed' } })).toBe(0)
  expect(await count('upload_usage', { _id: userId })).toBe(0)
  const files: string[] = []
  for await (const { key } of app.context.storage.list('')) files.push(key)
  expect(files).toEqual([])
  expect((await other.get(`/users/${gone.id}`).expect(200)).body).toMatchObject({ name: 'Deleted user', deleted: true })
  for (const group of groups) {
    const { body } = await other.get(`/conversations/${group}`).expect(200)
    expect(body.my.role).toBe('owner')
    const told = async () => {
      const { items } = (await other.get(`/conversations/${group}/messages`).expect(200)).body
      return items.flatMap(({ system }: { system: { event: string } | null }) => (system ? [system.event] : []))
    }
    await expect.poll(told, deadline).toEqual(['member.left'])
  }
}

const aScene = async (app: TestApp) => {
  const { owner: ann, members, conversation: first } = await aGroup(app, 2)
  const [, bob] = members
  if (!bob) throw new Error('a group of two')
  const { body: second } = await ann.post('/conversations', { type: 'group', name: 'Another', memberIds: [bob.id] }).expect(201)
  const carol = await aPerson(app)
  await ann.put(`/blocks/${carol.id}`).expect(204)
  for (let n = 0; n < 24; n++) await ann.send(first.id, { text: `secret ${n}` }).expect(201)
  const [sent, avatar] = [await anUpload(ann), await anUpload(ann, { purpose: 'avatar', contentType: 'image/png' }, aPicture())]
  await ann.patch('/users/me', { avatarUploadId: avatar.id }).expect(200)
  await ann.send(first.id, { text: 'look', attachments: [sent.id] }).expect(201)
  await anUpload(ann)
  await aPending(ann)
  await bob.send(second.id, {}).expect(201)
  await ann.post(`/conversations/${second.id}/receipts`, { readSeq: 1 }).expect(204)
  const { body: direct } = await bob.post('/conversations', { type: 'direct', userId: ann.id }).expect(201)
  await bob.send(direct.id, {}).expect(201)
  await ann.post(`/conversations/${direct.id}/receipts`, { readSeq: 1 }).expect(204)
  const receipts = app.context.mongo.connection.collection('receipts')
  const read = (conversationId: string, readSeq: number) =>
    expect
      .poll(
        () => receipts.countDocuments({ conversationId: new Types.ObjectId(conversationId), userId: new Types.ObjectId(ann.id), readSeq }),
        deadline,
      )
      .toBe(1)
  await read(first.id, 25) // sending is reading, a moment later
  return { ann, bob, groups: [first.id, String(second.id)] }
}

describe('a worker that dies in the deletion of an account leaves the rest of it to another', () => {
  let app: TestApp
  let other: TestApp
  beforeAll(async () => {
    app = await startTestApp({ PORT: String(await freePort()), ...removing }, byHand)
    app.context.jobRunner.wake = () => undefined
    const shared = { MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret, UPLOAD_DIR: app.uploads }
    other = await startTestApp({ ...shared, ...removing }, byHand)
  })
  afterAll(async () => {
    await other.close()
    await app.close()
  })

  it.each(steps.flatMap(({ step, break: breaks }) => (['before', 'after'] as const).map((moment) => ({ moment, step, breaks }))))(
    '$moment $step',
    async ({ moment, breaks }) => {
      const { ann, bob, groups } = await aScene(app)
      const stream = await aStream(bob, other)
      let dead = false
      const parts = breaks(partsOf(app), moment, () => {
        dead = true
      })
      await storeOf(app).begin('account_deletion', new Types.ObjectId(ann.id)) // all that was left of the request, whose worker died too
      aRunner(app, [accountDeletionJob({ ...parts, removesMessages: true })]).wake()
      await vi.waitUntil(() => dead, deadline)
      await makeDue(app)
      await vi.waitUntil(
        async () => {
          other.context.jobRunner.wake() // as it does every few seconds: what could not be told yet is tried again
          const job = await jobsOf(app).findOne({ userId: new Types.ObjectId(ann.id) })
          return job?.status === 'done'
        },
        { ...deadline, interval: 200 },
      )
      await isGoneEverywhere(other, ann, bob, groups)
      expect((await ann.get('/users/me').expect(401)).body.code).toBe('session_revoked')
      await expect
        .poll(() => dataOf(stream, 'user.updated').map(({ user }) => user), deadline)
        .toMatchObject([{ id: ann.id, deleted: true }])
    },
    60_000,
  )
})

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))

it('a process that is killed in the middle leaves the rest of it to another', async () => {
  const app = await anApp({ PORT: String(await freePort()), ...removing }, byHand)
  const { ann, bob, groups } = await aScene(app)
  for (let n = 0; n < 300; n++) await ann.send(groups[0] ?? '', { text: `secret ${n}` }).expect(201)
  const port = await freePort()
  const worker = spawn(process.execPath, [entry], {
    env: {
      NODE_ENV: 'development',
      LOG_LEVEL: 'silent',
      PORT: String(port),
      MONGO_URI: app.context.config.mongo.uri,
      REDIS_URL: inject('redisUrl'),
      JWT_SECRET: app.secret,
      UPLOAD_DIR: app.uploads,
      ...removing,
      ...Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, '1000000/s'])),
    },
    stdio: 'ignore',
  })
  const killed = async () => {
    worker.kill('SIGKILL')
    if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit')
  }
  afterwards(killed)
  const url = `http://127.0.0.1:${port}`
  await expect.poll(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status, { timeout: 60_000 }).toBe(200)
  const answer = await fetch(`${url}/api/v1/users/me`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ann.accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ password: ann.password }),
  })
  expect(answer.status).toBe(204)
  const erased = () => app.context.mongo.connection.collection('messages').countDocuments({ deletedAt: { $exists: true } })
  await expect.poll(erased, { timeout: 60_000, interval: 5 }).toBeGreaterThan(20)
  await killed()
  expect((await jobsOf(app).findOne({}))?.status).toBe('running')
  await makeDue(app)
  app.context.jobRunner.wake()
  await deletionIsDone(app, ann)
  await isGoneEverywhere(app, ann, bob, groups)
  await expect(goes(ann)).rejects.toThrow('401')
}, 180_000)
