import { Types } from 'mongoose'
import { expect, it } from 'vitest'
import type { UploadDocument, UploadUsageDocument } from '../src/features/uploads/index.js'
import { afterwards, anApp, aStream } from './support/listening.js'
import { aGroup, aPerson } from './support/people.js'
import { aBucket, s3Access } from './support/s3.js'
import type { TestApp } from './support/test-app.js'
import { announcing, anUpload, contentOf, put, someBytes } from './support/uploads.js'

const aServer = async (): Promise<TestApp> => {
  const bucket = await aBucket()
  afterwards(() => bucket.remove())
  return anApp(bucket.environment, { uploads: { everyMs: 3_600_000 }, forgetAfterMs: 0 })
}
const keysIn = async ({ context: { storage } }: TestApp): Promise<string[]> => {
  const keys: string[] = []
  for (const prefix of ['pending/', 'final/']) for await (const { key } of storage.list(prefix)) keys.push(key)
  return keys
}
const uploads = (app: TestApp) => app.context.mongo.connection.collection<UploadDocument>('uploads')
const withId = (id: string) => ({ _id: new Types.ObjectId(id) })
const bytesCounted = async (app: TestApp, { id }: { id: string }) =>
  (await app.context.mongo.connection.collection<UploadUsageDocument>('upload_usage').findOne(withId(id)))?.bytes
const sweptAway = (app: TestApp, id: string) =>
  expect
    .poll(async () => {
      await uploads(app).updateOne(withId(id), { $set: { sweepAt: new Date(0) } }) // what it has to tell is told first
      await app.context.uploadSweeper.sweep(10)
      return uploads(app).countDocuments(withId(id))
    })
    .toBe(0)

it('a file goes its whole way: PUT, completed, told, sent, had by members alone, deleted, swept', async () => {
  const app = await aServer()
  const { owner, members, conversation } = await aGroup(app, 3)
  const [, member, leaver] = members
  if (!member || !leaver) throw new Error('a group of three')
  const [own, others] = [await aStream(owner, app), await aStream(member, app)]
  const page = new Uint8Array(Buffer.from('<!doctype html><script>alert(1)</script>'))
  const announced = announcing(page, { fileName: 'plan – Größe "x".html', contentType: 'text/html' })
  const { body: begun } = await owner.post('/uploads', announced).expect(201)
  expect(new URL(begun.upload.url).origin).toBe(new URL(s3Access().endpoint).origin)
  expect((await put(begun.upload, page)).status).toBe(200)
  const { body: ready } = await owner.post(`/uploads/${begun.id}/complete`, {}).expect(200)
  expect((await own.waitFor(({ event }) => event === 'upload.updated', 30_000)).data).toMatchObject({ upload: ready })

  const content = `/uploads/${begun.id}/content`
  await member.get(content).expect(404)
  const { body: message } = await owner.send(conversation.id, { attachments: [begun.id] }).expect(201)
  await others.waitFor(({ event }) => event === 'message.created', 30_000)
  expect(others.events.map(({ event }) => event)).not.toContain('upload.updated')
  const url = String((await member.get(content).expect(302)).headers['location'])
  const answer = await fetch(url)
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(page)
  expect(answer.headers.get('content-type')).toBe('text/html')
  expect(answer.headers.get('content-disposition')).toBe(
    `attachment; filename="plan _ Gr__e _x_.html"; filename*=UTF-8''plan%20%E2%80%93%20Gr%C3%B6%C3%9Fe%20%22x%22.html`,
  )
  expect((await fetch(url.split('?')[0] ?? '')).status).toBe(403)

  await leaver.get(content).expect(302)
  await leaver.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
  await leaver.get(content).expect(404)
  await leaver.get(`/uploads/${begun.id}`).expect(404)
  expect((await leaver.post('/uploads/urls', { ids: [begun.id] }).expect(200)).body.items).toEqual([])
  await member.get(content).expect(302)

  await owner.delete(`/messages/${message.id}?scope=all`).expect(200)
  await member.get(content).expect(404)
  expect(await keysIn(app)).toHaveLength(1)
  await uploads(app).updateOne(withId(begun.id), { $set: { usedAt: new Date(0) } }) // as if it had been sent long ago
  await sweptAway(app, begun.id)
  expect(await keysIn(app)).toEqual([])
  expect((await fetch(url)).status).toBe(404)
  await owner.get(`/uploads/${begun.id}`).expect(404)
  expect(await bytesCounted(app, owner)).toBe(0)
}, 60_000)

it('a file is each one’s own, whoever has the same bytes', async () => {
  const app = await aServer()
  const [ann, bob] = [await aPerson(app), await aPerson(app)]
  const bytes = someBytes()
  const of = await anUpload(ann, {}, bytes)
  const { body: begun } = await bob.post('/uploads', announcing(bytes)).expect(201)
  await bob.post(`/uploads/${begun.id}/complete`, {}).expect(409) // to know what it is gives nobody the file
  expect((await put(begun.upload, bytes)).status).toBe(200)
  await bob.post(`/uploads/${begun.id}/complete`, {}).expect(200)
  const again = await anUpload(ann, {}, bytes)
  expect(new Set([of.id, begun.id, again.id]).size).toBe(3)
  expect(await keysIn(app)).toHaveLength(3)
  expect([await bytesCounted(app, ann), await bytesCounted(app, bob)]).toEqual([2000, 1000])
  for (const { id } of [of, again]) {
    await ann.delete(`/uploads/${id}`).expect(204)
    await sweptAway(app, id)
  }
  expect(await keysIn(app)).toHaveLength(1)
  expect(await contentOf(bob, begun.id)).toEqual(bytes)
  expect(await bytesCounted(app, ann)).toBe(0)
}, 60_000)
