import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldName } from '../src/features/users/fold.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { aStream as aStreamAt } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person, peopleInNumbers } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const aStream = (person: Person): Promise<SseClient> => aStreamAt(person, app)
const change = (person: Person, body: object) => person.patch('/users/me', body)
const settings = { presence: true, findableByPhone: true, readReceipts: true }
const toldOf = (stream: SseClient, person: Person) =>
  dataOf(stream, 'user.updated').flatMap(({ user }) => ((user as { id: string }).id === person.id ? [user] : []))
/** All that was told of before is here once this is. */
const upToNow = async (stream: SseClient, sender: Person, conversationId: string): Promise<void> => {
  const { body } = await sender.send(conversationId, {}).expect(201)
  await expect.poll(() => JSON.stringify(dataOf(stream, 'message.created'))).toContain(body.id)
}

describe('oneself', () => {
  it('is shown with all that one has set, and nothing secret', async () => {
    const ann = await aPerson(app)
    const { body } = await ann.get('/users/me').expect(200)
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    expect(body).toMatchObject({ id: ann.id, name: 'Ann', avatarUploadId: null, about: null, phone: ann.phone, createdAt: time, settings })
    expect(body).toMatchObject({ email: null, verified: { phone: false, email: false }, mustChangePassword: false })
    expect(JSON.stringify(body)).not.toMatch(/argon|hash|outbox/i)
  })

  it('changes in what is given and stays in what is not', async () => {
    const ann = await aPerson(app)
    await change(ann, { about: 'On the hill\nwith mirrors' }).expect(200)
    await change(ann, { name: '  Änne  ', settings: { readReceipts: false } }).expect(200)
    const { body } = await change(ann, { avatarUploadId: null, settings: { presence: false } }).expect(200)
    const expected = { name: 'Änne', about: 'On the hill\nwith mirrors', version: 4 }
    expect(body).toMatchObject({ ...expected, settings: { ...settings, readReceipts: false, presence: false } })
    expect((await ann.get('/users/me').expect(200)).body).toEqual(body)
    expect((await change(ann, { about: null }).expect(200)).body.about).toBeNull()
  })

  it.each<[string, object, string]>([
    ['nothing', {}, 'body'],
    ['no setting', { settings: {} }, 'body.settings'],
    ['no boolean', { settings: { presence: 'no' } }, 'body.settings.presence'],
    ['a setting that there is not', { settings: { presence: true, admin: true } }, 'body.settings'],
    ['what cannot be changed', { name: 'Bob', phone: '+4915112345678' }, 'body'],
    ['a role', { role: 'admin' }, 'body'],
    ['an operator for a name', { name: { $set: 'Bob' } }, 'body.name'],
    ['no name', { name: null }, 'body.name'],
    ['a name that nobody sees', { name: '\u200b \u2060' }, 'body.name'],
    ['a name that is too long', { name: 'x'.repeat(101) }, 'body.name'],
    ['more than 500 characters about oneself', { about: 'x'.repeat(501) }, 'body.about'],
    ['control characters about oneself', { about: 'a\u0007' }, 'body.about'],
    ['half a surrogate pair', { about: '\ud800' }, 'body.about'],
    ['an avatar that is no id', { avatarUploadId: 'x' }, 'body.avatarUploadId'],
    ['an avatar that is not one’s own', { avatarUploadId: new Types.ObjectId().toHexString() }, 'body.avatarUploadId'],
  ])('does not change with %s', async (_name, body, path) => {
    const ann = await aPerson(app)
    const before = (await ann.get('/users/me').expect(200)).body
    expect((await change(ann, body).expect(400)).body.errors[0].path).toBe(path)
    expect((await ann.get('/users/me').expect(200)).body).toEqual(before)
  })

  it('changes for who is signed in alone', async () => {
    await app.request.patch('/api/v1/users/me').send({ name: 'Bob' }).expect(401)
  })

  it('changes no more while too much of it is untold', async () => {
    const ann = await aPerson(app)
    const outbox = Array.from({ length: 50 }, () => outboxEntry('nobody', 'user.updated', new Date()))
    const users = app.context.mongo.connection.collection('users')
    await users.updateOne({ _id: new Types.ObjectId(ann.id) }, { $set: { outbox } })
    await change(ann, { name: 'Änne' }).expect(503)
    expect((await ann.get('/users/me').expect(200)).body.name).toBe('Ann')
  })
})

describe('a profile that changes', () => {
  it('is told to one’s devices with all of it, and to who shares a conversation without what is none of theirs', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const { members } = await aGroup(app, 2, ann)
    const [, carol] = members
    if (!carol) throw new Error('two were made')
    const [anns, bobs, carols] = await Promise.all([ann, bob, carol].map(aStream))
    const { body } = await change(ann, { name: 'Änne', about: 'away' }).expect(200)
    const { phone: _, settings: __, email: ___, verified: ____, mustChangePassword: _____, ...seen } = body
    const [own, others] = [anns, carols]
    if (!own || !others || !bobs) throw new Error('three were opened')
    await expect.poll(() => toldOf(own, ann)).toEqual([body])
    await expect.poll(() => [toldOf(bobs, ann), toldOf(others, ann)]).toEqual([[seen], [seen]])
    expect(dataOf(bobs, 'user.updated')[0]).toEqual({ type: 'user.updated', at: expect.any(String), user: seen })
  })

  it('is not told to strangers; a setting is told to oneself alone', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [anns, bobs, strangers] = [await aStream(ann), await aStream(bob), await aStream(await aPerson(app))]
    await change(ann, { settings: { presence: true } }).expect(200)
    await expect.poll(() => toldOf(anns, ann)).toEqual([expect.objectContaining({ settings })])
    await change(ann, { name: 'Änne' }).expect(200)
    await expect.poll(() => toldOf(bobs, ann)).toEqual([expect.objectContaining({ name: 'Änne' })])
    await upToNow(bobs, ann, conversation.id)
    expect([toldOf(bobs, ann).length, toldOf(strangers, ann).length]).toEqual([1, 0])
  })

  it('is something to fetch for more than 256', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member] = members
    if (!member) throw new Error('two were made')
    for (const count of [100, 100, 56])
      await owner.post(`/conversations/${conversation.id}/members`, { userIds: await peopleInNumbers(app, count) }).expect(200)
    const members_ = [await aStream(member), await aStream(owner)]
    await change(owner, { name: 'Änne' }).expect(200)
    const told = { type: 'user.updated', at: expect.any(String), user: { id: owner.id, version: 2 }, fetch: true }
    await expect.poll(() => members_.map((stream) => dataOf(stream, 'user.updated').at(-1))).toEqual([told, told])
    expect(dataOf(members_[1] as SseClient, 'user.updated')[0]).toMatchObject({ user: { name: 'Änne', phone: owner.phone } })
  })

  it('is told though the worker that stored it died', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const bobs = await aStream(bob)
    const entry = outboxEntry('a dead worker', 'user.updated', new Date(Date.now() - 120_000), { seen: 'others' })
    const database = app.context.mongo.connection
    await database
      .collection('users')
      .updateOne({ _id: new Types.ObjectId(ann.id) }, { $set: { name: 'Änne', version: 2, outbox: [entry] } })
    await hasDied(app, 'a dead worker')
    await expect
      .poll(
        async () => {
          await app.context.sweeper.sweep()
          return toldOf(bobs, ann)
        },
        { timeout: 30_000 },
      )
      .toEqual([expect.objectContaining({ name: 'Änne', version: 2 })])
  })
})

describe('a name as it is looked for', () => {
  it.each([
    ['Änne', 'anne'],
    ['ÉLODIE', 'e\u0301lodie'],
    ['Weiß', 'WEISS'],
    ['Οδυσσεύς', 'ΟΔΥΣΣΕΥΣ'],
    ['Ｆｕｌｌ', 'full'],
    ['Ann  Lee', 'ann lee'],
    ['A\u200dnn', 'ann'],
    ['İpek', 'ipek'],
  ])('%s is %s', (one, other) => {
    expect(foldName(one)).toBe(foldName(other))
  })

  it('begins alike where the names do', () => {
    expect(foldName('Οδός').startsWith(foldName('οδοσ'))).toBe(true)
    expect(foldName('οδοσαμα').startsWith(foldName('οδος'))).toBe(true)
  })

  it('keeps the vowels of scripts that write them as marks', () => {
    expect(foldName('कि')).not.toBe(foldName('का'))
  })
})
