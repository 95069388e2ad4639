import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anAdmin, auditOf } from './support/administrators.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let admin: Person
beforeAll(async () => {
  app = await startTestApp()
  admin = await anAdmin(app)
})
afterAll(() => app.close())

const anId = () => new Types.ObjectId().toHexString()
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
const report = (person: Person, body: object) => person.post('/reports', { reason: 'spam', ...body })
const reported = async (person: Person, body: object): Promise<string> => (await report(person, body).expect(201)).body.id
const listed = async (status = 'open') => (await admin.get(`/admin/reports?status=${status}&limit=100`).expect(200)).body.items
const found = async (id: string, status = 'open') => (await listed(status)).find((each: { id: string }) => each.id === id)
const resolve = (id: string, body: object, by: Person = admin) => by.post(`/admin/reports/${id}/resolve`, body)

describe('a report', () => {
  it('of a message keeps it as it was, whatever becomes of it', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const message = (await bob.send(conversation.id, { text: 'buy mirrors' }).expect(201)).body
    const { body } = await report(ann, { messageId: message.id, text: 'again and again' }).expect(201)
    expect(body).toEqual({ id: expect.stringMatching(/^[0-9a-f]{24}$/), createdAt: time })
    await bob.patch(`/messages/${message.id}`, { text: 'nothing' }).expect(200)
    await bob.delete(`/messages/${message.id}?scope=all`).expect(200)
    expect(await found(body.id)).toEqual({
      id: body.id,
      status: 'open',
      reporterId: ann.id,
      userId: bob.id,
      conversationId: conversation.id,
      message: { id: message.id, seq: 1, senderId: bob.id, text: 'buy mirrors', version: 1, createdAt: message.createdAt },
      reason: 'spam',
      text: 'again and again',
      createdAt: body.createdAt,
      resolution: null,
    })
    const entry = (await auditOf(app, 'report.made')).find(({ target }) => target?.id === body.id)
    expect(entry).toMatchObject({ actor: { kind: 'user', id: ann.id }, detail: { reason: 'spam' } })
    expect(JSON.stringify(entry)).not.toMatch(/mirrors|again/)
  })

  it('that is made again with the same Idempotency-Key is the same one, after a worker that died, too', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const make = async () => (await report(ann, { userId: bob.id }).set('Idempotency-Key', 'once').expect(201)).body
    const first = await make()
    expect(await make()).toEqual(first)
    const keys = app.context.mongo.connection.collection<{ _id: string }>('idempotency_keys')
    await keys.updateMany({ _id: new RegExp(`^${ann.id}:`) }, { $set: { busyUntil: new Date(0) }, $unset: { answer: '' } })
    expect(await make()).toEqual(first)
    expect((await listed()).filter(({ userId }: { userId: string }) => userId === bob.id)).toHaveLength(1)
  })

  it('is of a person, also of one who has blocked the reporter, or of a conversation', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await bob.put(`/blocks/${ann.id}`).expect(204)
    const [ofBob, ofBoth] = [await reported(ann, { userId: bob.id }), await reported(ann, { conversationId: conversation.id })]
    expect(await found(ofBob)).toMatchObject({ userId: bob.id, conversationId: null, message: null, text: null })
    expect(await found(ofBoth)).toMatchObject({ userId: null, conversationId: conversation.id, message: null })
  })

  it('is not of what the reporter may not know', async () => {
    const { bob, conversation } = await aDirectConversation(app)
    const { owner, members, conversation: group } = await aGroup(app, 2)
    const [, former] = members
    if (!former) throw new Error('two were made')
    const message = (await bob.send(conversation.id, {}).expect(201)).body
    const ofGroup = (await owner.send(group.id, {}).expect(201)).body
    await former.post(`/conversations/${group.id}/leave`, {}).expect(204)
    const stranger = await aPerson(app)
    await report(stranger, { messageId: message.id }).expect(404)
    await report(stranger, { conversationId: conversation.id }).expect(404)
    await report(former, { messageId: ofGroup.id }).expect(404)
    await report(former, { conversationId: group.id }).expect(404)
    for (const name of ['userId', 'messageId', 'conversationId']) await report(stranger, { [name]: anId() }).expect(404)
    await app.request.post('/api/v1/reports').send({ userId: bob.id, reason: 'spam' }).expect(401)
  })

  it.each<[string, (ids: { ann: string; bob: string; own: string; message: string; other: string }) => object, string]>([
    ['nothing', () => ({}), 'body'],
    ['oneself', ({ ann }) => ({ userId: ann }), 'body.userId'],
    ['one’s own message', ({ own }) => ({ messageId: own }), 'body.messageId'],
    ['a message of somebody else', ({ message, other }) => ({ messageId: message, userId: other }), 'body.messageId'],
    ['no reason', ({ bob }) => ({ userId: bob, reason: undefined }), 'body.reason'],
    ['a reason that there is not', ({ bob }) => ({ userId: bob, reason: 'boring' }), 'body.reason'],
    ['too many words', ({ bob }) => ({ userId: bob, text: 'x'.repeat(2001) }), 'body.text'],
    ['a text that nobody sees', ({ bob }) => ({ userId: bob, text: '\u200b' }), 'body.text'],
    ['an operator', () => ({ userId: { $ne: null } }), 'body.userId'],
    ['a resolution', ({ bob }) => ({ userId: bob, status: 'resolved' }), 'body'],
  ])('of %s is not valid', async (_name, bodyOf, path) => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const own = (await ann.send(conversation.id, {}).expect(201)).body.id
    const message = (await bob.send(conversation.id, {}).expect(201)).body.id
    const other = (await aPerson(app)).id
    const { body } = await report(ann, bodyOf({ ann: ann.id, bob: bob.id, own, message, other })).expect(400)
    expect(body.errors[0].path).toBe(path)
  })

  it('of a message in another conversation than named is not valid', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { conversation: group } = await aGroup(app, 2, ann)
    const { body } = await bob.send(conversation.id, {}).expect(201)
    await report(ann, { messageId: body.id, conversationId: group.id }).expect(400)
    await report(ann, { messageId: body.id, conversationId: conversation.id, userId: bob.id }).expect(201)
  })

  it('is limited by itself', async () => {
    const limited = await startTestApp({ LIMIT_REPORTS: '1/h' })
    const [ann, bob] = [await aPerson(limited), await aPerson(limited)]
    await report(ann, { userId: bob.id }).expect(201)
    await report(ann, { userId: bob.id }).expect(429)
    await limited.close()
  })
})

describe('what administrators do with reports', () => {
  it('they list them, the newest first, page by page; the resolved apart', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const made: string[] = []
    for (let n = 0; n < 3; n++) made.unshift(await reported(ann, { userId: bob.id }))
    const page = (await admin.get('/admin/reports?limit=2').expect(200)).body
    const next = (await admin.get(`/admin/reports?limit=2&cursor=${page.nextCursor}`).expect(200)).body
    expect([...page.items, ...next.items].map(({ id }) => id).slice(0, 3)).toEqual(made)
    await admin.get(`/admin/reports?status=resolved&cursor=${page.nextCursor}`).expect(400)
    const reporterId = new Types.ObjectId()
    const about = { userId: null, conversationId: null, message: null, reason: 'spam', text: null }
    const many = Array.from({ length: 3000 }, () => ({ reporterId, status: 'resolved', ...about, createdAt: new Date() }))
    await app.context.mongo.connection.collection('reports').insertMany(many)
    const asked = () => admin.get('/admin/reports?status=resolved&limit=10').expect(200)
    const { nextCursor } = (await asked()).body
    const asNext = () => admin.get(`/admin/reports?status=resolved&limit=10&cursor=${nextCursor}`).expect(200)
    for (const ask of [asked, asNext]) expect(await plansOf(app, 'reports', ask)).toEqual([{ index: 'status', sortsOrScans: false }])
    await app.context.mongo.connection.collection('reports').deleteMany({ reporterId })
  })

  it('they resolve one, once: of many at once one does', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const id = await reported(ann, { userId: bob.id })
    const answers = await Promise.all(Array.from({ length: 5 }, () => resolve(id, { action: 'warned', note: 'first time' })))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409, 409])
    const resolution = { action: 'warned', note: 'first time', by: admin.id, at: time }
    expect(await found(id, 'resolved')).toMatchObject({ id, status: 'resolved', resolution })
    expect(await found(id)).toBeUndefined()
    const entries = (await auditOf(app, 'report.resolved')).filter(({ target }) => target?.id === id)
    expect(entries).toMatchObject([{ actor: { kind: 'admin', id: admin.id }, outcome: 'done', detail: { action: 'warned' } }])
    expect((await bob.get('/users/me')).status).toBe(200)
  })

  it('suspends who is reported where they say so', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { body } = await bob.send(conversation.id, {}).expect(201)
    const id = await reported(ann, { messageId: body.id })
    expect((await resolve(id, { action: 'suspended' }).expect(200)).body.resolution).toMatchObject({ action: 'suspended', note: null })
    expect((await bob.get('/users/me').expect(401)).body.code).toBe('session_revoked')
  })

  it('stays open where who is reported cannot be suspended', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const [ofNobody, ofAdmin] = [await reported(ann, { conversationId: conversation.id }), await reported(ann, { userId: admin.id })]
    for (const id of [ofNobody, ofAdmin]) {
      await resolve(id, { action: 'suspended' }).expect(409)
      expect(await found(id)).toMatchObject({ status: 'open' })
    }
  })

  it('is not for others, nor with wrong input; a refusal is in the audit log', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const id = await reported(ann, { userId: bob.id })
    await ann.get('/admin/reports').expect(403)
    await resolve(id, { action: 'dismissed' }, ann).expect(403)
    await app.request.get('/api/v1/admin/reports').expect(401)
    await resolve(anId(), { action: 'dismissed' }).expect(404)
    await resolve('abc', { action: 'dismissed' }).expect(400)
    for (const body of [{}, { action: 'forgiven' }, { action: 'dismissed', note: '' }, { action: 'dismissed', by: ann.id }]) {
      await resolve(id, body).expect(400)
    }
    await admin.get('/admin/reports?status=all').expect(400)
    expect((await auditOf(app, 'admin.refused')).some(({ actor }) => actor.id === ann.id)).toBe(true)
    await resolve(id, { action: 'dismissed' }).expect(200)
  })
})
