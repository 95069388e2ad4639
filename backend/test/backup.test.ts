import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rehearsalOf } from '../src/backup/rehearsal.js'
import { anAdmin } from './support/administrators.js'
import { admin, aFolder, aPlace, atRest, backUp, contentOf, databaseOf, serverOf } from './support/backups.js'
import { aDirectConversation, aGroup, aPerson, aPhone } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

/** An app whose people have said, changed, read and pinned things. */
const aFilledApp = async (): Promise<TestApp> => {
  const app = await startTestApp({}, { forgetAfterMs: 0 })
  const { ann, bob, conversation } = await aDirectConversation(app)
  const { members, conversation: group } = await aGroup(app, 4)
  for (let n = 0; n < 20; n++) {
    await (n % 2 === 0 ? ann : bob).send(conversation.id, { text: `signal ${n}` }).expect(201)
    await members[n % 4]?.send(group.id, { text: `to all ${n}` }).expect(201)
  }
  const { body } = await ann.send(conversation.id, { text: 'to be edited' }).expect(201)
  await ann.patch(`/messages/${body.id}`, { text: 'edited' }).expect(200)
  await bob.put(`/messages/${body.id}/reactions/${encodeURIComponent('👍')}`).expect(200)
  await bob.post(`/conversations/${conversation.id}/receipts`, { readSeq: 20 }).expect(204)
  await bob.put(`/conversations/${conversation.id}/settings`).send({ pinned: true }).expect(200)
  await members[3]?.post(`/conversations/${group.id}/leave`, {}).expect(204)
  await ann.put(`/blocks/${(await aPerson(app)).id}`).expect(204)
  await anAdmin(app)
  return app
}

describe('a backup of a system at rest', { timeout: 120_000 }, () => {
  let app: TestApp
  beforeAll(async () => {
    app = await aFilledApp()
    await atRest(app)
  })
  afterAll(() => app.close())

  it('is restored into another database, the same to the byte, which a file of variables then names', async () => {
    const folder = await aFolder()
    const made = await admin(app, ['backup', '--to', folder])
    expect(made).toMatchObject({ exitCode: 0, errors: expect.stringContaining('documents') })
    const path = made.output.trim()
    expect(path).toMatch(/-\d{8}T\d{6}Z$/)
    expect(await admin(app, ['verify', path])).toMatchObject({ exitCode: 0, output: expect.stringContaining('is good') })
    const before = await contentOf(databaseOf(app))
    expect(before.size).toBeGreaterThan(60)

    const variables = join(await aFolder(), 'heliograph.env')
    await writeFile(variables, `PORT=3000\nMONGO_URI="${app.context.config.mongo.uri}"\nLOG_LEVEL=info\n`)
    const into = aPlace(app)
    const restored = await admin(app, ['restore', path, '--into', into, '--yes', '--env-file', variables])
    expect(restored).toMatchObject({ exitCode: 0, output: `${into}\n` })
    expect(await contentOf(serverOf(app).db(into))).toEqual(before)
    expect(await contentOf(databaseOf(app))).toEqual(before)
    expect(await readFile(variables, 'utf8')).toBe(
      `PORT=3000\nMONGO_URI="${app.context.config.mongo.uri.replace(databaseOf(app).databaseName, into)}"\nLOG_LEVEL=info\n`,
    )
    const audited = await databaseOf(app).collection('audit').findOne({ action: 'backup.made' })
    expect(audited).toMatchObject({ target: { id: basename(path) }, actor: { kind: 'operator' } })
  })

  it('is a database of a new generation once restored, in which all sessions have ended unless they are kept', async () => {
    const { path } = await backUp(app)
    const [ended, kept] = [aPlace(app), aPlace(app)]
    expect((await admin(app, ['restore', path, '--into', ended, '--yes'])).exitCode).toBe(0)
    expect((await admin(app, ['restore', path, '--into', kept, '--yes', '--keep-sessions'])).exitCode).toBe(0)
    const generationOf = async (name: string) => {
      const meta = serverOf(app).db(name).collection<{ _id: string; value: string }>('meta')
      return (await meta.findOne({ _id: 'generation' }))?.value
    }
    const generations = await Promise.all([generationOf(databaseOf(app).databaseName), generationOf(ended), generationOf(kept)])
    expect(new Set(generations.map(String)).size).toBe(3)
    expect(generations).not.toContain(undefined)
    const admissionOf = (name: string) => serverOf(app).db(name).collection('admission').findOne()
    expect(await admissionOf(ended)).toMatchObject({ sessionsValidFrom: expect.any(Date) })
    expect(await admissionOf(kept)).toBeNull()
  })

  it('is rehearsed beside what is there, and leaves nothing', async () => {
    const { path } = await backUp(app)
    const names = async () =>
      (await serverOf(app).db().admin().listDatabases({ nameOnly: true })).databases
        .map(({ name }) => name)
        .filter((name) => name.includes('rehearsal'))
    expect(await admin(app, ['restore', path, '--rehearse'])).toMatchObject({ exitCode: 0, output: 'it can be restored\n' })
    expect(await names()).toEqual([])
  })

  it('is rehearsed, and removes what a rehearsal left that was cut short a day ago', async () => {
    const { path } = await backUp(app)
    const server = { client: serverOf(app), database: databaseOf(app).databaseName }
    const leftAt = async (hoursAgo: number) => {
      const left = server.client.db(rehearsalOf(server, new Date(Date.now() - hoursAgo * 3_600_000)))
      await left.collection('users').insertOne({ name: 'Ann' })
      return left.databaseName
    }
    const [former, present] = [await leftAt(25), await leftAt(23)]
    const { errors } = await admin(app, ['restore', path, '--rehearse'])
    expect(errors).toContain(`${former} is removed`)
    const { databases } = await server.client.db().admin().listDatabases({ nameOnly: true })
    const names = databases.map(({ name }) => name)
    expect(names).not.toContain(former)
    expect(names).toContain(present)
    await server.client.db(present).dropDatabase()
  })

  it('is refused where it would go into a database that has something, and without anybody’s word', async () => {
    const { path } = await backUp(app)
    const before = await contentOf(databaseOf(app))
    const over = await admin(app, ['restore', path, '--into', databaseOf(app).databaseName, '--yes'])
    expect(over).toMatchObject({ exitCode: 1, errors: expect.stringContaining('is not empty') })
    const unconfirmed = await admin(app, ['restore', path, '--into', aPlace(app)])
    expect(unconfirmed).toMatchObject({ exitCode: 1, errors: expect.stringContaining('--yes') })
    expect(await contentOf(databaseOf(app))).toEqual(before)
  })

  it('gives a phone, an address and a pin to who had it last, where two have it in the copy', async () => {
    const raw = serverOf(app).db(aPlace(app)) // where nothing is unique
    const [former, latter] = [new Types.ObjectId(), new Types.ObjectId()]
    const [phone, email, pin] = [aPhone(), 'ann@example.com', `${former.toHexString()}:0`]
    const person = { phone, email, name: 'Ann', nameFolded: 'ANN', createdAt: new Date(), version: 1 }
    await raw.collection('users').insertMany([
      { _id: former, ...person },
      { _id: latter, ...person },
    ])
    const group = {
      type: 'group',
      name: 'Hill',
      members: [],
      lastSeq: 0,
      lastMessageAt: new Date(0),
      createdAt: new Date(0),
      version: 1,
      pins: [pin],
    }
    await raw.collection('conversations').insertMany([
      { _id: former, ...group },
      { _id: latter, ...group },
    ])
    const { path } = await backUp(app, { db: raw })
    const into = aPlace(app)
    expect(await admin(app, ['restore', path, '--into', into, '--yes'])).toMatchObject({ exitCode: 0 })
    const [lost, has] = await serverOf(app).db(into).collection('users').find().sort({ _id: 1 }).toArray()
    expect([lost?.['phone'], lost?.['email'], has?.['phone'], has?.['email']]).toEqual([
      `lost:${former.toHexString()}`,
      undefined,
      phone,
      email,
    ])
    const pinned = await serverOf(app).db(into).collection('conversations').find().sort({ _id: 1 }).toArray()
    expect(pinned.map(({ pins }) => pins)).toEqual([undefined, [pin]])
  })
})
