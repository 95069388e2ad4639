import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { describe, expect, it, vi } from 'vitest'
import { anAdmin, auditOf, signedInAgain } from './support/administrators.js'
import { deletionIsDone, goes } from './support/deletion.js'
import { anApp, aStream, deadline, hasEnded } from './support/listening.js'
import { aDirectConversation, aGroup, aPassword, aPerson, type Person } from './support/people.js'
import { dataOf } from './support/streams.js'
import type { TestApp } from './support/test-app.js'

const stored = (app: TestApp, name: string) => app.context.mongo.connection.collection(name)
const idOf = ({ id }: { readonly id: string }) => new Types.ObjectId(id)
const messagesIn = async (person: Person, id: string): Promise<Record<string, unknown>[]> =>
  (await person.get(`/conversations/${id}/messages`).expect(200)).body.items

describe('DELETE /users/me', () => {
  it('needs the password where there is one, and does nothing without the right one', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    const missing = await ann.delete('/users/me').send({}).expect(400)
    expect(missing.body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'body.password' }] })
    const wrong = await ann.delete('/users/me').send({ password: aPassword() }).expect(401)
    expect(wrong.body.code).toBe('invalid_credentials')
    await ann.get('/users/me').expect(200)
    await signedInAgain(app, ann)
    expect(await stored(app, 'jobs').countDocuments()).toBe(0)
    expect(await auditOf(app, 'account.deleted')).toMatchObject([{ outcome: 'refused' }])
  })

  it('needs none where there is none', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    await stored(app, 'users').updateOne({ _id: idOf(ann) }, { $unset: { passwordHash: '' } })
    await ann.delete('/users/me').send({}).expect(204)
    await ann.get('/users/me').expect(401)
  })

  it('ends sessions, streams and tokens before it is answered, and lets nobody sign in any more', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    const phone = await signedInAgain(app, ann)
    const stream = await aStream(phone, app)
    const ended = hasEnded(stream)
    await goes(ann)
    for (const each of [ann, phone]) expect((await each.get('/users/me').expect(401)).body.code).toBe('session_revoked')
    await expect.poll(() => ended.value, deadline).toBe(true)
    expect(stream.events.at(-1)?.data).toMatchObject({ type: 'session.revoked', reason: 'account_deleted' })
    await app.request.post('/api/v1/auth/refresh').send({ refreshToken: ann.refreshToken }).expect(401)
    const { phone: number, password } = ann
    const signIn = await app.request.post('/api/v1/auth/login').send({ phone: number, password }).expect(401)
    expect(signIn.body.code).toBe('invalid_credentials')
    expect(await auditOf(app, 'account.deleted')).toMatchObject([{ outcome: 'done', actor: { id: ann.id } }])
  })

  it('takes the cookie of a browser back', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    const { phone, password } = ann
    const device = { name: 'A browser', platform: 'web' }
    const browser = await app.request.post('/api/v1/auth/login?cookie=true').send({ phone, password, device }).expect(200)
    const cookies = [browser.headers['set-cookie']].flat().map((cookie) => String(cookie).split(';')[0])
    const answer = await app.request
      .delete('/api/v1/users/me')
      .auth(browser.body.accessToken, { type: 'bearer' })
      .set('Cookie', cookies.join('; '))
      .send({ password })
      .expect(204)
    expect([answer.headers['set-cookie']].flat().join()).toContain('Max-Age=0')
  })

  it('frees phone and e-mail address at once: who registers next is another', async () => {
    const app = await anApp()
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const email = `${randomUUID()}@example.com`
    await stored(app, 'users').updateOne({ _id: idOf(ann) }, { $set: { email, emailVerifiedAt: new Date() } })
    await goes(ann)
    const { body } = await app.request
      .post('/api/v1/auth/register')
      .send({ phone: ann.phone, password: ann.password, name: 'Another' })
      .expect(201)
    expect(body.user.id).not.toBe(ann.id)
    await stored(app, 'users').updateOne({ _id: idOf(bob) }, { $set: { email } }) // unique
    await deletionIsDone(app, ann)
    await app.request.get('/api/v1/users/me').auth(body.accessToken, { type: 'bearer' }).expect(200)
  })

  it('leaves nothing of the person in their document', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    await ann.patch('/users/me', { about: 'On the hill', settings: { readReceipts: false } }).expect(200)
    await goes(ann)
    await deletionIsDone(app, ann)
    const document = await stored(app, 'users').findOne({ _id: idOf(ann) })
    const left = Object.entries(document ?? {}).filter(([field]) => field !== 'outbox' && field !== 'changedAt')
    expect(Object.fromEntries(left)).toEqual({
      _id: idOf(ann),
      phone: `lost:${ann.id}`,
      name: 'Deleted user',
      nameFolded: '',
      createdAt: expect.any(Date),
      deletedAt: expect.any(Date),
      version: 3,
    })
    const sessions = await stored(app, 'sessions')
      .find({ userId: idOf(ann) })
      .toArray()
    expect(sessions).toHaveLength(1)
    for (const session of sessions) {
      expect(session).toMatchObject({ device: null })
      for (const field of ['ip', 'place']) expect(session).not.toHaveProperty(field)
    }
  })

  it('is refused to the last administrator', async () => {
    const app = await anApp()
    const admin = await anAdmin(app)
    expect((await admin.delete('/users/me').send({ password: admin.password }).expect(409)).body.code).toBe('conflict')
    const other = await anAdmin(app)
    await goes(admin)
    await other.get('/admin/users').expect(200)
  })

  it('never leaves nobody to administer: not by the last two who go at once', async () => {
    const app = await anApp()
    const { ownCredentials } = app.context
    const confirm = ownCredentials.confirm.bind(ownCredentials)
    for (let round = 0; round < 5; round++) {
      await stored(app, 'users').updateMany({ role: 'admin' }, { $unset: { role: '' } })
      const two = [await anAdmin(app), await anAdmin(app)]
      let confirmed = 0
      const confirming = vi.spyOn(ownCredentials, 'confirm').mockImplementation(async (...parameters) => {
        const user = await confirm(...parameters)
        confirmed += 1
        await vi.waitUntil(() => confirmed === 2, deadline)
        return user
      })
      const answers = await Promise.all(two.map((each) => each.delete('/users/me').send({ password: each.password })))
      confirming.mockRestore()
      const stayed = two.filter((_each, n) => answers[n]?.status === 409)
      expect(stayed.length).toBeGreaterThan(0)
      for (const each of stayed) await (await signedInAgain(app, each)).get('/admin/users').expect(200)
      expect(answers.map(({ status }) => status).every((status) => [204, 409].includes(status))).toBe(true)
      expect(await stored(app, 'users').countDocuments({ role: 'admin' })).toBe(stayed.length)
    }
  })

  it('is the same account for administrators: gone', async () => {
    const app = await anApp()
    const [ann, admin] = [await aPerson(app), await anAdmin(app)]
    await goes(ann)
    await deletionIsDone(app, ann)
    await admin.post(`/admin/users/${ann.id}/suspend`, {}).expect(404)
    const { body } = await admin.get('/admin/users').expect(200)
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual([admin.id])
  })
})

describe('somebody who has deleted their account', () => {
  it('is to others a deleted user, and nothing else', async () => {
    const app = await anApp()
    const { ann, bob, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, {}).expect(201)
    const stream = await aStream(bob, app)
    await goes(ann)
    await deletionIsDone(app, ann)
    const deleted = {
      id: ann.id,
      name: 'Deleted user',
      avatarUploadId: null,
      about: null,
      deleted: true,
      createdAt: expect.any(String),
      version: 2,
    }
    expect((await bob.get(`/users/${ann.id}`).expect(200)).body).toEqual(deleted)
    expect((await bob.post('/users/batch', { ids: [ann.id] }).expect(200)).body.items).toEqual([{ ...deleted, presence: null }])
    await expect.poll(() => dataOf(stream, 'user.updated').map(({ user }) => user), deadline).toEqual([deleted])
  })

  it('is found by nobody, and begins and joins nothing any more', async () => {
    const app = await anApp()
    const ann = await aPerson(app, { name: 'Deleted Ann' })
    const { owner: bob, conversation } = await aGroup(app, 2)
    await goes(ann)
    for (const q of ['deleted', 'Deleted Ann', 'Deleted user']) {
      expect((await bob.get(`/users?q=${encodeURIComponent(q)}`).expect(200)).body.items).toEqual([])
    }
    expect((await bob.post('/contacts/lookup', { phones: [ann.phone] }).expect(200)).body.items).toEqual([])
    await bob.post('/conversations', { type: 'direct', userId: ann.id }).expect(404)
    await bob.post('/conversations', { type: 'group', name: 'The hill', memberIds: [ann.id] }).expect(400)
    await bob.post(`/conversations/${conversation.id}/members`, { userIds: [ann.id] }).expect(400)
    await bob.put(`/blocks/${ann.id}`).expect(404)
  })

  it('has left the groups, which pass to others, and says so in them', async () => {
    const app = await anApp()
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, heir, other] = members
    if (!heir || !other) throw new Error('a group of three')
    await owner.patch(`/conversations/${conversation.id}/members/${heir.id}`, { role: 'admin' }).expect(200)
    const stream = await aStream(other, app)
    await goes(owner)
    await deletionIsDone(app, owner)
    const { body } = await other.get(`/conversations/${conversation.id}`).expect(200)
    const roles = body.members.map(({ userId, role }: { userId: string; role: string }) => [userId, role])
    expect(Object.fromEntries(roles)).toEqual({ [heir.id]: 'owner', [other.id]: 'member' })
    await expect
      .poll(async () => (await messagesIn(other, conversation.id)).map(({ system }) => system), deadline)
      .toEqual([{ event: 'member.left', userIds: [owner.id] }])
    await expect.poll(() => dataOf(stream, 'member.removed'), deadline).toMatchObject([{ member: { userId: owner.id } }])
    await expect.poll(() => dataOf(stream, 'user.updated'), deadline).toMatchObject([{ user: { id: owner.id, deleted: true } }])
  })

  it('closes the groups that they were alone in', async () => {
    const app = await anApp()
    const { owner, members, conversation } = await aGroup(app, 2)
    await members[1]?.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    await goes(owner)
    await deletionIsDone(app, owner)
    expect(await stored(app, 'conversations').findOne({ _id: idOf(conversation) })).toMatchObject({
      members: [],
      deletedAt: expect.any(Date),
    })
  })

  it('leaves direct conversations as they are for the other, messages too', async () => {
    const app = await anApp()
    const { ann, bob, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, { text: 'from Ann' }).expect(201)
    await bob.send(conversation.id, { text: 'from Bob' }).expect(201)
    await goes(ann)
    await deletionIsDone(app, ann)
    const { body } = await bob.get('/conversations').expect(200)
    expect(body.items).toMatchObject([{ id: conversation.id, memberCount: 2 }])
    const messages = await messagesIn(bob, conversation.id)
    expect(messages.map(({ text, senderId }) => [text, senderId])).toEqual([
      ['from Ann', ann.id],
      ['from Bob', bob.id],
    ])
  })

  it('keeps nobody blocked, and stays blocked by others', async () => {
    const app = await anApp()
    const [ann, bob, carol] = [await aPerson(app), await aPerson(app), await aPerson(app)]
    await ann.put(`/blocks/${bob.id}`).expect(204)
    await carol.put(`/blocks/${ann.id}`).expect(204)
    await goes(ann)
    await deletionIsDone(app, ann)
    expect(await stored(app, 'blocks').countDocuments({ blockerId: idOf(ann) })).toBe(0)
    expect((await carol.get('/blocks').expect(200)).body.items).toMatchObject([{ userId: ann.id }])
  })

  it('shows no more than before how far they had read', async () => {
    const app = await anApp()
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { body: message } = await bob.send(conversation.id, {}).expect(201)
    await ann.patch('/users/me', { settings: { readReceipts: false } }).expect(200)
    await ann.post(`/conversations/${conversation.id}/receipts`, { readSeq: 1 }).expect(204)
    const shown = async () => ({
      readBy: (await bob.get(`/messages/${message.id}/receipts`).expect(200)).body.readBy,
      readSeqs: (await bob.get(`/conversations/${conversation.id}`).expect(200)).body.members
        .filter(({ userId }: { userId: string }) => userId === ann.id)
        .map(({ readSeq }: { readSeq: number }) => readSeq),
    })
    expect(await shown()).toEqual({ readBy: [], readSeqs: [0] })
    await app.context.userClosing.close(ann.id) // before the job forgets how far that was
    expect(await shown()).toEqual({ readBy: [], readSeqs: [0] })
    await goes(ann).catch(() => undefined)
    await stored(app, 'receipts').updateMany({ userId: idOf(ann) }, { $set: { readSeq: 1 } })
    expect(await shown()).toEqual({ readBy: [], readSeqs: [0] })
  })

  it('has no receipts left', async () => {
    const app = await anApp()
    const { ann, bob, conversation } = await aDirectConversation(app)
    await bob.send(conversation.id, {}).expect(201)
    await ann.post(`/conversations/${conversation.id}/receipts`, { readSeq: 1 }).expect(204)
    expect(await stored(app, 'receipts').countDocuments({ userId: idOf(ann) })).toBe(1)
    await goes(ann)
    await deletionIsDone(app, ann)
    expect(await stored(app, 'receipts').countDocuments({ userId: idOf(ann) })).toBe(0)
  })

  it('has no code, link or report of theirs that opens anything; what they reported is kept', async () => {
    const app = await anApp()
    const { ann, bob, conversation } = await aDirectConversation(app)
    await bob.send(conversation.id, {}).expect(201)
    await ann.post('/reports', { userId: bob.id, reason: 'spam' }).expect(201)
    await app.request.post('/api/v1/auth/password/forgot').send({ phone: ann.phone }).expect(202)
    await app.request.post('/api/v1/auth/otp/start').send({ phone: ann.phone }).expect(202)
    const link = await app.context.oneTimeTokens.issue('password_reset', ann.id)
    expect(await stored(app, 'codes').countDocuments()).toBe(2)
    await goes(ann)
    expect(await stored(app, 'codes').countDocuments()).toBe(0)
    await app.request.post('/api/v1/auth/password/reset').send({ token: link, newPassword: aPassword() }).expect(401)
    await deletionIsDone(app, ann)
    expect(await stored(app, 'reports').countDocuments({ reporterId: idOf(ann) })).toBe(1)
  })
})

describe('with ACCOUNT_DELETION=remove', () => {
  it('their messages become tombstones, everywhere, and leave the log; those of others and system messages stay', async () => {
    const app = await anApp({ ACCOUNT_DELETION: 'remove' })
    const { ann, bob, conversation } = await aDirectConversation(app)
    const cursorBefore = (await aStream(bob, app)).events.at(0)?.id
    for (let n = 0; n < 45; n++) await ann.send(conversation.id, { text: `secret ${n}` }).expect(201)
    await bob.send(conversation.id, { text: 'from Bob' }).expect(201)
    const group = await bob.post('/conversations', { type: 'group', name: 'The hill', memberIds: [ann.id] }).expect(201)
    await ann.send(group.body.id, { text: 'secret in the group' }).expect(201)
    const stream = await aStream(bob, app)
    await goes(ann)
    await deletionIsDone(app, ann)

    const messages = [
      ...(await messagesIn(bob, conversation.id)),
      ...(await bob.get(`/conversations/${group.body.id}/messages`).expect(200)).body.items,
    ]
    const told = messages.filter(({ deletedAt }) => deletedAt === null)
    expect(told.map(({ text, type }) => [text, type])).toEqual([
      ['from Bob', 'user'],
      [null, 'system'],
    ])
    expect(messages).toHaveLength(48)
    await expect.poll(() => dataOf(stream, 'message.deleted').length, deadline).toBe(46)
    const replay = await aStream(bob, app, cursorBefore)
    await replay.waitFor(({ event }) => event === 'user.updated', 30_000)
    expect(JSON.stringify(replay.events)).not.toContain('secret')
    expect(await stored(app, 'messages').countDocuments({ text: /secret/ })).toBe(0)
  })

  it('what was on its way as they went, goes too', async () => {
    const app = await anApp({ ACCOUNT_DELETION: 'remove' })
    const { ann, bob, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, { text: 'early' }).expect(201)
    const { context } = app
    let late = false
    const original = context.messagesOfOne.eraseNext.bind(context.messagesOfOne)
    context.messagesOfOne.eraseNext = async (...parameters) => {
      const next = await original(...parameters)
      if (!late) {
        late = true
        await context.messages.send({ userId: ann.id, sessionId: ann.id }, conversation.id, { clientId: randomUUID(), text: 'late' })
      }
      return next
    }
    await goes(ann)
    await deletionIsDone(app, ann)
    expect((await messagesIn(bob, conversation.id)).map(({ text }) => text)).toEqual([null, null])
  })
})
