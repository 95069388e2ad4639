import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UploadDocument } from '../src/features/uploads/index.js'
import { originalKey } from '../src/features/uploads/keys.js'
import { aStream } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { aBucket, type Bucket } from './support/s3.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { anUpload, aPending, aPicture, contentOf } from './support/uploads.js'

const never = 3_600_000
let bucket: Bucket
let app: TestApp
beforeAll(async () => {
  bucket = await aBucket()
  app = await startTestApp(bucket.environment, { uploads: { everyMs: never } })
})
afterAll(async () => {
  await app.close()
  await bucket.remove()
})

const uploads = () => app.context.mongo.connection.collection<UploadDocument>('uploads')
const stored = async (id: string) => uploads().findOne({ _id: new Types.ObjectId(id) })
/** As if it were time to look whether these are needed, and they had been attached long ago. */
const due = (...ids: string[]) =>
  uploads().updateMany({ _id: { $in: ids.map((id) => new Types.ObjectId(id)) } }, { $set: { sweepAt: new Date(0), usedAt: new Date(0) } })
const isDue = async (id: string) => ((await stored(id))?.sweepAt.getTime() ?? 0) <= Date.now()
const sweep = () => app.context.uploadSweeper.sweep(100)
const isThere = async (upload: Pick<UploadDocument, 'servedFrom'> | null) => {
  if (!upload?.servedFrom) throw new Error('It was ready')
  return (await app.context.storage.head(originalKey(upload.servedFrom))) !== undefined
}
const anAvatar = (person: Person) => anUpload(person, { purpose: 'avatar', contentType: 'image/png', fileName: 'me.png' }, aPicture())
const seenBy = async (person: Person, id: string): Promise<boolean> => {
  const [seen, content, urls] = await Promise.all([
    person.get(`/uploads/${id}`),
    person.get(`/uploads/${id}/content`),
    person.post('/uploads/urls', { ids: [id] }),
  ])
  const answers = [seen.status === 200, content.status === 302, urls.body.items.length === 1]
  expect(new Set(answers).size).toBe(1)
  return seen.status === 200
}

describe('a message with attachments', () => {
  it('shows them as they were sent, in their order, with no need of a text, to all devices', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, app)
    const [one, two] = [await anUpload(ann, { fileName: 'one.bin' }), await anUpload(ann, { fileName: 'two.bin' })]
    const { body } = await ann.send(conversation.id, { attachments: [two.id, one.id] }).expect(201)
    const attachment = { contentType: 'application/octet-stream', size: 1000 }
    const attachments = [
      { uploadId: two.id, fileName: 'two.bin', ...attachment },
      { uploadId: one.id, fileName: 'one.bin', ...attachment },
    ]
    expect(body).toMatchObject({ text: '', attachments })
    expect((await bob.get(`/messages/${body.id}`).expect(200)).body.attachments).toEqual(attachments)
    const told = await stream.waitFor(({ event }) => event === 'message.created', 30_000)
    expect(told.data).toMatchObject({ message: { attachments } })
    expect(await contentOf(bob, one.id)).toEqual(one.bytes)
  })

  it('is a retry with the same ones, and a misuse with others', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const [one, two] = [await anUpload(ann), await anUpload(ann)]
    const clientId = randomUUID()
    const first = await ann.send(conversation.id, { clientId, text: 'look', attachments: [one.id] }).expect(201)
    const again = await ann.send(conversation.id, { clientId, text: 'look', attachments: [one.id] }).expect(200)
    expect(again.body).toEqual(first.body)
    for (const attachments of [[two.id], [one.id, two.id]])
      await ann.send(conversation.id, { clientId, text: 'look', attachments }).expect(409)
    await ann.send(conversation.id, { clientId, text: 'look' }).expect(409)
  })

  it('takes only uploads of one’s own that are ready and meant for it, ten at most', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [own, foreign, pending, avatar] = [await anUpload(ann), await anUpload(bob), await aPending(ann), await anAvatar(ann)]
    for (const { id } of [foreign, pending, avatar, { id: '0'.repeat(24) }]) {
      const { body } = await ann.send(conversation.id, { attachments: [own.id, id] }).expect(400)
      expect(body.errors).toEqual([{ path: 'body.attachments.1', message: 'there is no such upload of yours that is ready' }])
    }
    const eleven = Array.from({ length: 11 }, () => new Types.ObjectId().toHexString())
    for (const attachments of [[], eleven, [own.id, own.id], ['x']]) await ann.send(conversation.id, { attachments }).expect(400)
    expect(await seenBy(bob, own.id)).toBe(false)
  })

  it('is forwarded with them, by who sees it, to where its reader sees them too', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { owner, conversation: group } = await aGroup(app, 2, bob)
    const { id, bytes } = await anUpload(ann)
    const { body: sent } = await ann.send(conversation.id, { text: 'look', attachments: [id] }).expect(201)
    const { body } = await owner.send(group.id, { forwardOf: sent.id }).expect(201)
    expect(body).toMatchObject({ text: 'look', attachments: sent.attachments, forwardOf: { senderId: ann.id } })
    await owner.send(group.id, { forwardOf: sent.id, attachments: [id] }).expect(400)
    await ann.delete(`/messages/${sent.id}?scope=all`).expect(200)
    await due(id)
    await sweep()
    expect(await contentOf(bob, id)).toEqual(bytes)
  })

  it('shows none to anybody once it is deleted for all, and the files go', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { id } = await anUpload(ann)
    const { body: sent } = await ann.send(conversation.id, { attachments: [id] }).expect(201)
    expect(await seenBy(bob, id)).toBe(true)
    const upload = await stored(id)
    expect((await ann.delete(`/messages/${sent.id}?scope=all`).expect(200)).body.attachments).toEqual([])
    expect(await seenBy(bob, id)).toBe(false)
    await expect.poll(() => isDue(id)).toBe(true)
    await due(id)
    await sweep()
    expect(await isThere(upload)).toBe(false)
    expect(await seenBy(ann, id)).toBe(false)
  })

  it('keeps its files from removal, by their owner too', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { id } = await anUpload(ann)
    await ann.send(conversation.id, { attachments: [id] }).expect(201)
    expect((await ann.delete(`/uploads/${id}`).expect(409)).body.code).toBe('conflict')
    await due(id)
    await sweep()
    expect(await isThere(await stored(id))).toBe(true)
  })

  it('loses no file that a message before it, which has just been deleted, had too', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { id, bytes } = await anUpload(ann)
    const { body: before } = await ann.send(conversation.id, { attachments: [id] }).expect(201)
    await due(id)
    await app.context.uploadUses.attach(ann.id, conversation.id, [id]) // what comes before the next message is committed
    await ann.delete(`/messages/${before.id}?scope=all`).expect(200)
    await expect.poll(() => isDue(id)).toBe(true)
    await sweep()
    await ann.send(conversation.id, { attachments: [id] }).expect(201)
    expect(await contentOf(bob, id)).toEqual(bytes)
  })

  it('loses no file that the sweeper had found unused right before it was attached', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { id, bytes } = await anUpload(ann)
    await due(id)
    const { uploadUses } = app.context
    const isUsed = uploadUses.isUsed.bind(uploadUses)
    const answers: boolean[] = []
    Object.defineProperty(uploadUses, 'isUsed', {
      configurable: true,
      async value(upload: UploadDocument): Promise<boolean> {
        const used = await isUsed(upload)
        if (!upload._id.equals(id)) return used
        answers.push(used)
        await uploadUses.attach(ann.id, conversation.id, [id])
        return used
      },
    })
    await sweep()
    Reflect.deleteProperty(uploadUses, 'isUsed')
    expect(answers).toEqual([false])
    await ann.send(conversation.id, { attachments: [id] }).expect(201)
    expect(await contentOf(bob, id)).toEqual(bytes)
  })

  it('is sent with a file that is swept at the same time, or refused, and never sent without', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { id, bytes } = await anUpload(ann)
    await due(id)
    const [, sent] = await Promise.all([sweep(), ann.send(conversation.id, { attachments: [id] })])
    if (sent.status === 201) expect(await contentOf(bob, id)).toEqual(bytes)
    else expect(sent.status).toBe(400)
    expect(await seenBy(bob, id)).toBe(sent.status === 201)
  })
})

describe('an attachment', () => {
  it('is seen by who is in the conversation, and by nobody else', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, member, leaver] = members
    if (!member || !leaver) throw new Error('a group of three')
    const outsider = await aPerson(app)
    const { id } = await anUpload(owner)
    expect(await seenBy(member, id)).toBe(false)
    await owner.send(conversation.id, { attachments: [id] }).expect(201)
    expect([await seenBy(owner, id), await seenBy(member, id), await seenBy(leaver, id), await seenBy(outsider, id)]).toEqual([
      true,
      true,
      true,
      false,
    ])
    await leaver.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    expect(await seenBy(leaver, id)).toBe(false)
  })

  it('is not seen by newcomers who do not see what was said before they came', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    const [before, after] = [await anUpload(owner), await anUpload(owner)]
    await owner.send(conversation.id, { attachments: [before.id] }).expect(201)
    const newcomer = await aPerson(app)
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [newcomer.id] }).expect(200)
    await owner.send(conversation.id, { attachments: [after.id] }).expect(201)
    expect([await seenBy(newcomer, before.id), await seenBy(newcomer, after.id)]).toEqual([false, true])
  })

  it('is not seen any more by who has deleted its message for themselves', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { id } = await anUpload(ann)
    const { body } = await ann.send(conversation.id, { attachments: [id] }).expect(201)
    await bob.delete(`/messages/${body.id}?scope=me`).expect(200)
    expect([await seenBy(ann, id), await seenBy(bob, id)]).toEqual([true, false])
  })
})

describe('an avatar', () => {
  it('is seen by whoever may see the profile, while it is the avatar', async () => {
    const [ann, bob, blocked] = [await aPerson(app), await aPerson(app), await aPerson(app)]
    const [first, second] = [await anAvatar(ann), await anAvatar(ann)]
    await ann.put(`/blocks/${blocked.id}`).expect(204)
    expect(await seenBy(bob, first.id)).toBe(false)
    expect((await ann.patch('/users/me', { avatarUploadId: first.id }).expect(200)).body.avatarUploadId).toBe(first.id)
    expect([await seenBy(bob, first.id), await seenBy(blocked, first.id)]).toEqual([true, false])
    await ann.patch('/users/me', { avatarUploadId: second.id }).expect(200)
    expect([await seenBy(bob, first.id), await seenBy(bob, second.id)]).toEqual([false, true])
    const former = await stored(first.id)
    await due(first.id, second.id)
    await sweep()
    expect([await isThere(former), await isThere(await stored(second.id))]).toEqual([false, true])
  })

  it('is one’s own, ready, and meant for it', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const [attachment, foreign, pending] = [
      await anUpload(ann),
      await anAvatar(bob),
      await aPending(ann, undefined, { purpose: 'avatar', contentType: 'image/png' }),
    ]
    for (const { id } of [attachment, foreign, pending]) {
      const { body } = await ann.patch('/users/me', { avatarUploadId: id }).expect(400)
      expect(body.errors[0].path).toBe('body.avatarUploadId')
    }
  })

  it('of a group is set by who runs it, seen by its members, and taken away', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member] = members
    if (!member) throw new Error('a group of two')
    const outsider = await aPerson(app)
    const [avatar, ofMember] = [await anAvatar(owner), await anAvatar(member)]
    const path = `/conversations/${conversation.id}`
    await member.patch(path, { avatarUploadId: ofMember.id }).expect(403)
    await owner.patch(path, { avatarUploadId: ofMember.id }).expect(400)
    const stream = await aStream(member, app)
    expect((await owner.patch(path, { avatarUploadId: avatar.id }).expect(200)).body.avatarUploadId).toBe(avatar.id)
    const told = await stream.waitFor(({ event }) => event === 'conversation.updated', 30_000)
    expect(told.data).toMatchObject({ conversation: { avatarUploadId: avatar.id } })
    expect([await seenBy(member, avatar.id), await seenBy(outsider, avatar.id)]).toEqual([true, false])
    expect((await owner.delete(`/uploads/${avatar.id}`).expect(409)).body.code).toBe('conflict')
    expect((await owner.patch(path, { avatarUploadId: null }).expect(200)).body.avatarUploadId).toBeNull()
    expect(await seenBy(member, avatar.id)).toBe(false)
    const { ann, conversation: direct } = await aDirectConversation(app)
    const own = await anAvatar(ann)
    await ann.patch(`/conversations/${direct.id}`, { avatarUploadId: own.id }).expect(409)
  })
})

describe('an avatar of a group', () => {
  it('goes when another one takes its place, and with the group', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const [first, second] = [await anAvatar(owner), await anAvatar(owner)]
    const path = `/conversations/${conversation.id}`
    await owner.patch(path, { avatarUploadId: first.id }).expect(200)
    const former = await stored(first.id)
    await owner.patch(path, { avatarUploadId: second.id }).expect(200)
    expect(await isDue(first.id)).toBe(true)
    await due(first.id, second.id)
    await sweep()
    expect([await isThere(former), await isThere(await stored(second.id))]).toEqual([false, true])
    const last = await stored(second.id)
    await owner.delete(path).expect(204)
    expect(await isDue(second.id)).toBe(true)
    await due(second.id)
    await sweep()
    expect(await isThere(last)).toBe(false)
  })

  it('is not seen by who has left', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, member, leaver] = members
    if (!member || !leaver) throw new Error('a group of three')
    const avatar = await anAvatar(owner)
    await owner.patch(`/conversations/${conversation.id}`, { avatarUploadId: avatar.id }).expect(200)
    expect([await seenBy(member, avatar.id), await seenBy(leaver, avatar.id)]).toEqual([true, true])
    await leaver.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    expect([await seenBy(member, avatar.id), await seenBy(leaver, avatar.id)]).toEqual([true, false])
  })
})

describe('an avatar of a person', () => {
  it('is seen by nobody any more, and goes, once it was taken away', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const avatar = await anAvatar(ann)
    await ann.patch('/users/me', { avatarUploadId: avatar.id }).expect(200)
    expect(await seenBy(bob, avatar.id)).toBe(true)
    const former = await stored(avatar.id)
    await ann.patch('/users/me', { avatarUploadId: null }).expect(200)
    expect(await seenBy(bob, avatar.id)).toBe(false)
    const keptUntil = former?.sweepAt.getTime() ?? 0
    expect((await stored(avatar.id))?.sweepAt.getTime()).toBeLessThan(keptUntil) // looked at soon, whoever knows of it
    await due(avatar.id)
    await sweep()
    expect(await isThere(former)).toBe(false)
  })
})

describe('the files of a group that is deleted', () => {
  it('go: its owner may remove theirs at once, and the others are swept', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member] = members
    if (!member) throw new Error('a group of two')
    const [own, others, avatar] = [await anUpload(owner), await anUpload(member), await anAvatar(owner)]
    await owner.send(conversation.id, { attachments: [own.id] }).expect(201)
    await member.send(conversation.id, { attachments: [others.id] }).expect(201)
    await owner.patch(`/conversations/${conversation.id}`, { avatarUploadId: avatar.id }).expect(200)
    const files = await Promise.all([own.id, others.id, avatar.id].map(stored))
    await due(own.id, others.id, avatar.id)
    await sweep()
    expect(await Promise.all(files.map(isThere))).toEqual([true, true, true])
    await owner.delete(`/conversations/${conversation.id}`).expect(204)
    expect([await seenBy(owner, others.id), await seenBy(member, own.id), await seenBy(member, avatar.id)]).toEqual([false, false, false])
    await due(own.id, others.id, avatar.id)
    await owner.delete(`/uploads/${own.id}`).expect(204)
    await sweep()
    expect(await Promise.all(files.map(isThere))).toEqual([false, false, false])
  })
})

describe('the files of who deletes their account', () => {
  it('go, but for those that a message shows which stays', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [sent, unsent, avatar] = [await anUpload(ann), await anUpload(ann), await anAvatar(ann)]
    await ann.send(conversation.id, { attachments: [sent.id] }).expect(201)
    await ann.patch('/users/me', { avatarUploadId: avatar.id }).expect(200)
    await ann.delete('/users/me').send({ password: ann.password }).expect(204)
    await expect.poll(() => isDue(unsent.id)).toBe(true)
    const files = await Promise.all([unsent.id, avatar.id].map(stored))
    await due(unsent.id, avatar.id, sent.id)
    await sweep()
    expect(await Promise.all(files.map(isThere))).toEqual([false, false])
    expect(await contentOf(bob, sent.id)).toEqual(sent.bytes)
  })
})
