import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldName } from '../src/features/users/fold.js'
import { aStream } from './support/listening.js'
import { aDirectConversation, aPerson, aPhone, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const anId = () => new Types.ObjectId().toHexString()
const search = async (person: Person, q: string) => (await person.get(`/users?q=${encodeURIComponent(q)}`).expect(200)).body.items
const idsOf = (items: { id: string }[]): string[] => items.map(({ id }) => id)
const batch = async (person: Person, ids: string[]) => (await person.post('/users/batch', { ids }).expect(200)).body.items
const lookUp = async (person: Person, phones: string[]) => (await person.post('/contacts/lookup', { phones }).expect(200)).body.items
const databaseOf = () => app.context.mongo.connection

describe('searching for people', () => {
  it('finds them by how their names begin, whatever the case and the accents, by name', async () => {
    const ann = await aPerson(app)
    const named = async (name: string) => (await aPerson(app, { name })).id
    const [second, first] = [await named('Žofie Nováková'), await named('ŽOFIE Adámková')]
    const other = await named('Anna Žofie')
    const expected = [first, second]
    expect(idsOf(await search(ann, 'žofie'))).toEqual(expected)
    expect(idsOf(await search(ann, 'ZOFIE '))).toEqual(expected)
    expect(idsOf(await search(ann, 'zofie n'))).toEqual([second])
    expect(idsOf(await search(ann, 'ofie'))).not.toContain(other)
    expect(await search(ann, 'zofie nobody')).toEqual([])
  })

  it('shows what others may see of somebody, and no phone', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app, { name: 'Bobina' })]
    const [found] = await search(ann, 'Bobina')
    expect(found).toEqual({ id: bob.id, name: 'Bobina', avatarUploadId: null, about: null, createdAt: expect.any(String), version: 1 })
  })

  it('goes through all of them page by page, those of the same name too', async () => {
    const ann = await aPerson(app)
    const made: string[] = []
    for (let n = 0; n < 5; n++) made.push((await aPerson(app, { name: n < 3 ? 'Quirin' : `Quirin ${n}` })).id)
    const found: string[] = []
    let cursor = ''
    do {
      const { body } = await ann.get(`/users?q=quirin&limit=2${cursor}`).expect(200)
      found.push(...idsOf(body.items))
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
    } while (cursor)
    expect(found).toEqual(made)
  })

  it('follows a new name', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app, { name: 'Xaver' })]
    await bob.patch('/users/me', { name: 'Yvonne' }).expect(200)
    expect([idsOf(await search(ann, 'xaver')), idsOf(await search(ann, 'yvonne'))]).toEqual([[], [bob.id]])
  })

  it.each([
    ['nothing', '', 'query.q'],
    ['one character', '?q=a', 'query.q'],
    ['one character and what nobody sees', '?q=a%E2%80%8B%CC%81', 'query.q'],
    ['an operator', '?q[$gt]=', 'query'],
    ['two', '?q=ann&q=bob', 'query.q'],
    ['a beginning that is too long', `?q=${'a'.repeat(101)}`, 'query.q'],
    ['a cursor of something else', '?q=ann&cursor=WzFd', 'query.cursor'],
    ['no number of items', '?q=ann&limit=many', 'query.limit'],
    ['what there is not', '?q=ann&phone=1', 'query'],
  ])('by %s is not valid', async (_name, query, path) => {
    const ann = await aPerson(app)
    const { body } = await ann.get(`/users${query}`).expect(400)
    expect(body.errors.map((error: { path: string }) => error.path)).toContain(path)
  })

  it('is read in the order of its index', async () => {
    const ann = await aPerson(app)
    const users = Array.from({ length: 3000 }, (_, n) => {
      const name = `Many ${String(n).padStart(5, '0')}`
      const document = { _id: new Types.ObjectId(), phone: `+${n}${randomUUID()}`, name, nameFolded: foldName(name), passwordHash: 'none' }
      return { ...document, createdAt: new Date(), version: 1 }
    })
    await databaseOf().collection('users').insertMany(users)
    const page = (await ann.get('/users?q=many&limit=10').expect(200)).body
    for (const query of ['q=many', `q=many&limit=10&cursor=${page.nextCursor}`]) {
      expect(await plansOf(app, 'users', () => ann.get(`/users?${query}`).expect(200))).toEqual([
        { index: 'name_folded', sortsOrScans: false },
      ])
    }
    const phones = Array.from({ length: 100 }, aPhone)
    expect(await plansOf(app, 'users', () => ann.post('/contacts/lookup', { phones }).expect(200))).toEqual([
      { index: 'phone', sortsOrScans: false },
    ])
  })
})

describe('somebody’s profile', () => {
  it('is shown to everyone who is signed in; the phone to oneself', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app, { name: 'Bob' })]
    await bob.patch('/users/me', { about: 'mirrors' }).expect(200)
    const { body } = await ann.get(`/users/${bob.id}`).expect(200)
    expect(body).toMatchObject({ id: bob.id, name: 'Bob', about: 'mirrors' })
    expect(body).not.toHaveProperty('phone')
    expect((await bob.get(`/users/${bob.id}`).expect(200)).body).toEqual({ ...body, phone: bob.phone })
  })

  it('shows the phone of who has begun a direct conversation with one, not of whom one has begun it with', async () => {
    const { ann, bob } = await aDirectConversation(app)
    expect((await bob.get(`/users/${ann.id}`).expect(200)).body.phone).toBe(ann.phone)
    expect((await ann.get(`/users/${bob.id}`).expect(200)).body).not.toHaveProperty('phone')
  })

  it('shows the phone of who has answered', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, {}).expect(201)
    expect((await ann.get(`/users/${bob.id}`).expect(200)).body).not.toHaveProperty('phone')
    await bob.send(conversation.id, {}).expect(201)
    expect((await ann.get(`/users/${bob.id}`).expect(200)).body.phone).toBe(bob.phone)
  })

  it.each([
    ['nobody', anId(), 404],
    ['what is no id', 'abc', 400],
  ])('of %s is not shown', async (_name, id, status) => {
    await (await aPerson(app)).get(`/users/${id}`).expect(status)
  })
})

describe('a batch of people', () => {
  it('is shown in the order asked for, without those who are not there', async () => {
    const [ann, bob, carol] = [await aPerson(app), await aPerson(app, { name: 'Bob' }), await aPerson(app, { name: 'Carol' })]
    const items = await batch(ann, [carol.id, anId(), ann.id, bob.id])
    expect(idsOf(items)).toEqual([carol.id, ann.id, bob.id])
    expect(items[1].phone).toBe(ann.phone)
    expect(items[0]).toMatchObject({ name: 'Carol', presence: null })
  })

  it('shows presence of those whom one talks with directly and who show it', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const { bob: carol } = await directWith(ann)
    const { bob: dave } = await directWith(ann)
    const stranger = await aPerson(app)
    await dave.patch('/users/me', { settings: { presence: false } }).expect(200)
    for (const person of [bob, dave, stranger]) await aStream(person, app)
    const people = [bob, carol, dave, stranger].map(({ id }) => id)
    const presences = async () => (await batch(ann, people)).map(({ presence }: { presence: unknown }) => presence)
    await expect.poll(presences).toEqual([{ online: true, lastSeenAt: null }, { online: false, lastSeenAt: null }, null, null])
  })

  it.each<[string, unknown]>([
    ['nobody', []],
    ['more than 100', Array.from({ length: 101 }, anId)],
    ['the same person twice', ['0'.repeat(24), '0'.repeat(24)]],
    ['no ids', ['abc']],
    ['an operator', { $ne: null }],
    ['nothing', undefined],
  ])('of %s is not valid', async (_name, ids) => {
    const ann = await aPerson(app)
    await ann.post('/users/batch', { ids }).expect(400)
    await ann.post('/users/batch', { ids: [ann.id], all: true }).expect(400)
  })
})

describe('looking up phone numbers', () => {
  it('finds those who have an account, each with the phone', async () => {
    const [ann, bob, carol] = [await aPerson(app), await aPerson(app, { name: 'Bob' }), await aPerson(app, { name: 'Carol' })]
    const items = await lookUp(ann, [aPhone(), bob.phone, carol.phone, bob.phone])
    expect(new Set(items.map(({ id, phone }: Person) => `${id} ${phone}`))).toEqual(
      new Set([`${bob.id} ${bob.phone}`, `${carol.id} ${carol.phone}`]),
    )
    expect(items).toHaveLength(2)
  })

  it('does not find who does not want to be found by it', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    await bob.patch('/users/me', { settings: { findableByPhone: false } }).expect(200)
    expect(await lookUp(ann, [bob.phone])).toEqual([])
    await bob.patch('/users/me', { settings: { findableByPhone: true } }).expect(200)
    expect(idsOf(await lookUp(ann, [bob.phone]))).toEqual([bob.id])
  })

  it('is limited by itself, against harvesting', async () => {
    const limited = await startTestApp({ LIMIT_LOOKUP: '2/h' })
    const ann = await aPerson(limited)
    const ask = () => ann.post('/contacts/lookup', { phones: [aPhone()] })
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 429])
    await limited.close()
  })

  it.each<[string, unknown, string]>([
    ['none', [], 'body.phones'],
    ['more than 500', Array.from({ length: 501 }, () => '+4915112345678'), 'body.phones'],
    ['one that is not in E.164', ['+4915112345678', '015112345678'], 'body.phones.1'],
    ['an operator', [{ $gt: '' }], 'body.phones.0'],
    ['a text of a megabyte', ['+'.repeat(100_000)], 'body.phones.0'],
    ['no list', '+4915112345678', 'body.phones'],
  ])('of %s is not valid', async (_name, phones, path) => {
    const { body } = await (await aPerson(app)).post('/contacts/lookup', { phones }).expect(400)
    expect(body.errors[0].path).toBe(path)
  })
})

/** Somebody whom Ann has a direct conversation with. */
const directWith = async (ann: Person) => {
  const bob = await aPerson(app, { name: 'Bob' })
  await ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(201)
  return { bob }
}

it.each(['/users?q=ann', `/users/${'0'.repeat(24)}`])('a stranger does not see %s', async (path) => {
  await app.request.get(`/api/v1${path}`).expect(401)
})
it.each(['/users/batch', '/contacts/lookup'])('a stranger does not ask %s', async (path) => {
  await app.request.post(`/api/v1${path}`).send({}).expect(401)
})
