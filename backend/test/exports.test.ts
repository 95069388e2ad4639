import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { Types } from 'mongoose'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { zipOf } from '../src/features/exports/archive.js'
import { type ExportPartDocument, ExportParts, exportJob, filesOf as filesOfUploads } from '../src/features/exports/index.js'
import type { UploadDocument } from '../src/features/uploads/index.js'
import { StorageUnavailable } from '../src/platform/storage/storage.js'
import { deletionIsDone, goes } from './support/deletion.js'
import { aRunner, idle, jobsOf, makeDue, storeOf, theJob } from './support/jobs.js'
import { aNeighbour, anApp, aStream, deadline } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { dataOf } from './support/streams.js'
import type { TestApp } from './support/test-app.js'
import { unzip } from './support/unzip.js'
import { anUpload, aPending } from './support/uploads.js'

const partsOf = (app: TestApp) => app.context.collection<ExportPartDocument>('export_parts')

const begin = async (person: Person): Promise<{ id: string; status: string }> =>
  (await person.post('/users/me/export', {}).expect(202)).body
const isReady = (person: Person, id: string) =>
  expect.poll(async () => (await person.get(`/users/me/export/${id}`).expect(200)).body.status, deadline).toBe('ready')
const anExport = async (person: Person): Promise<string> => {
  const { id } = await begin(person)
  await isReady(person, id)
  return id
}
const download = async (app: TestApp, person: Person, id: string): Promise<Response> =>
  fetch(`${app.url}/api/v1/users/me/export/${id}/content`, { headers: { authorization: `Bearer ${person.accessToken}` } })
const filesOf = async (app: TestApp, person: Person, id: string): Promise<Record<string, unknown>> => {
  const zip = Buffer.from(await (await download(app, person, id)).arrayBuffer())
  return Object.fromEntries(Object.entries(unzip(zip)).map(([name, text]) => [name, JSON.parse(text)]))
}

/** A handler that makes exports of what is given, beside the app's own. */
const anExportJob = (app: TestApp, contents: Parameters<typeof exportJob>[0]['contents']) => {
  const { users } = app.context
  return exportJob({ users, contents, rowsOf: () => Promise.resolve(3), parts: new ExportParts({ parts: () => partsOf(app) }) })
}

describe('an export', () => {
  it('has all that is kept of a person, and of others nothing but their ids', async () => {
    const app = await anApp()
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { conversation: group } = await aGroup(app, 3, ann)
    await ann.patch('/users/me', { about: 'On the hill', settings: { presence: false } }).expect(200)
    await ann.send(conversation.id, { text: 'from Ann' }).expect(201)
    await bob.send(conversation.id, { text: 'from Bob' }).expect(201)
    const { body: edited } = await ann.send(group.id, { text: 'before' }).expect(201)
    await ann.patch(`/messages/${edited.id}`, { text: 'after' }).expect(200)
    await ann.put(`/blocks/${bob.id}`).expect(204)

    const files = await filesOf(app, ann, await anExport(ann))
    expect(Object.keys(files)).toEqual([
      'profile.json',
      'sessions.json',
      'conversations.json',
      'messages.json',
      'blocks.json',
      'uploads.json',
    ])
    expect(files).toMatchObject({
      'profile.json': [{ id: ann.id, phone: ann.phone, about: 'On the hill', settings: { presence: false } }],
      'sessions.json': [{ ip: expect.any(String), createdAt: expect.any(String) }],
      'conversations.json': expect.arrayContaining([
        expect.objectContaining({ id: conversation.id, type: 'direct', with: bob.id }),
        expect.objectContaining({ id: group.id, name: 'The hill', my: expect.objectContaining({ role: 'owner' }) }),
      ]),
      'messages.json': [
        { text: 'after', edits: [{ text: 'before' }] },
        { text: 'from Ann', edits: [] },
      ],
      'blocks.json': [{ userId: bob.id }],
    })
    expect(JSON.stringify(files)).not.toMatch(/from Bob|passwordHash|Hash"/)
  })

  it('is told when it is ready, to its person alone, with what can be asked of it', async () => {
    const app = await anApp()
    const { ann, bob } = await aDirectConversation(app)
    const [stream, other] = [await aStream(ann, app), await aStream(bob, app)]
    const { id } = await begin(ann)
    await expect.poll(() => dataOf(stream, 'export.ready'), deadline).toHaveLength(1)
    const { body } = await ann.get(`/users/me/export/${id}`).expect(200)
    expect(dataOf(stream, 'export.ready')).toMatchObject([{ type: 'export.ready', export: body }])
    expect(body).toEqual({
      id,
      status: 'ready',
      progress: 100,
      createdAt: expect.any(String),
      expiresAt: expect.any(String),
      size: expect.any(Number),
    })
    const answer = await download(app, ann, id)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/zip',
      'content-length': String(body.size),
      'content-disposition': `attachment; filename="export-${id}.zip"`,
      'cache-control': 'no-store',
    })
    expect((await answer.arrayBuffer()).byteLength).toBe(body.size)
    expect(dataOf(other, 'export.ready')).toEqual([])
  })

  it('is told by another worker where the one that made it died at once', async () => {
    const app = await anApp({}, idle)
    const ann = await aPerson(app)
    const stream = await aStream(ann, app)
    const { _id } = await storeOf(app).begin('export', new Types.ObjectId(ann.id))
    const taken = await storeOf(app).take(['export'])
    if (!taken) throw new Error('It waits')
    const at = new Date(Date.now() - 120_000)
    const entry = { eventId: crypto.randomUUID(), worker: app.context.leases.worker, at, type: 'export.ready' } as const
    await storeOf(app).save(taken, { attempt: 1, size: 7 }, 99)
    await storeOf(app).end(taken, 'done', { entry })
    await app.context.sweeper.sweep()
    await expect.poll(() => dataOf(stream, 'export.ready'), deadline).toMatchObject([{ export: { id: _id.toHexString(), size: 7 } }])
  })

  it('is made one at a time: the one that goes on is answered again, and the next takes its place', async () => {
    const app = await anApp({}, idle)
    const ann = await aPerson(app)
    // Nothing is done here: the runner of the app is not asked.
    app.context.jobRunner.wake = () => undefined
    const all = await Promise.all(Array.from({ length: 10 }, () => begin(ann)))
    expect(new Set(all.map(({ id }) => id)).size).toBe(1)
    const [first] = all
    if (!first) throw new Error('ten')
    expect(first.status).toBe('waiting')
    const answer = await download(app, ann, first.id)
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'conflict' }])
    aRunner(app, [anExportJob(app, () => [])]).wake()
    await isReady(ann, first.id)
    const second = await begin(ann)
    expect(second.id).not.toBe(first.id)
    await ann.get(`/users/me/export/${first.id}`).expect(404)
    expect(await partsOf(app).countDocuments({ exportId: new Types.ObjectId(first.id) })).toBe(0)
  })

  it('is nobody else’s, and gone after seven days', async () => {
    const app = await anApp()
    const { ann, bob } = await aDirectConversation(app)
    const id = await anExport(ann)
    await bob.get(`/users/me/export/${id}`).expect(404)
    expect((await download(app, bob, id)).status).toBe(404)
    const job = await theJob(app, new Types.ObjectId(id))
    expect(Number(job.expiresAt) - Number(job.endedAt)).toBe(7 * 86_400_000)
    await jobsOf(app).updateOne({ _id: job._id }, { $set: { expiresAt: new Date() } })
    await ann.get(`/users/me/export/${id}`).expect(404)
    expect((await download(app, ann, id)).status).toBe(404)
  })

  it('is begun anew by another worker where the first one dies, and has nothing of what that had written', async () => {
    const app = await anApp({}, idle)
    const ann = await aPerson(app)
    const noise = randomBytes(3 * 512 * 1024).toString('base64')
    const { _id } = await storeOf(app).begin('export', new Types.ObjectId(ann.id))
    async function* dying() {
      yield { path: 'a.txt', content: () => [noise] }
      await new Promise(() => undefined)
    }
    aRunner(app, [anExportJob(app, dying)]).wake()
    await expect.poll(() => partsOf(app).countDocuments({ attempt: 1 }), deadline).toBeGreaterThan(1)
    const other = await aNeighbour(app, {}, idle)
    await makeDue(app)
    other.context.jobRunner.wake()
    await isReady(ann, _id.toHexString())
    expect(Object.keys(await filesOf(other, ann, _id.toHexString()))).toContain('messages.json')
    expect(await partsOf(app).distinct('attempt')).toEqual([2])
  })

  it('of many parts comes out as it went in, with progress on the way', async () => {
    const app = await anApp({}, idle)
    const { ann, conversation } = await aDirectConversation(app)
    for (let n = 0; n < 3; n++) await ann.send(conversation.id, {}).expect(201)
    app.context.jobRunner.wake = () => undefined
    const { id } = await begin(ann)
    const texts = Array.from({ length: 3 }, () => randomBytes(700_000).toString('hex'))
    const seen: number[] = []
    async function* contents(_userId: string, noteRow: () => void) {
      for (const [n, text] of texts.entries()) {
        noteRow()
        yield { path: `${n}.txt`, content: () => [text] }
        seen.push((await ann.get(`/users/me/export/${id}`).expect(200)).body.progress)
      }
    }
    aRunner(app, [anExportJob(app, contents)]).wake()
    await isReady(ann, id)
    expect(unzip(Buffer.from(await (await download(app, ann, id)).arrayBuffer()))).toEqual(
      Object.fromEntries(texts.map((text, n) => [`${n}.txt`, text])),
    )
    expect(await partsOf(app).countDocuments()).toBeGreaterThan(3)
    expect(seen).toEqual(seen.toSorted((one, other) => one - other))
    expect(seen.at(-1)).toBeGreaterThan(0)
  })

  it('that is lost half way is cut off, not taken for the whole', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    const id = await anExport(ann)
    await partsOf(app).deleteMany({})
    await expect(download(app, ann, id).then((answer) => answer.arrayBuffer())).rejects.toThrow()
  })

  it('has one’s own files, and a list of them that says where those can be had which did not fit', async () => {
    const app = await anApp({ PORT: String(await freePort()) }, idle)
    app.context.jobRunner.wake = () => undefined
    const { ann, bob, conversation } = await aDirectConversation(app)
    const text = (size: number) => new Uint8Array(Buffer.from(randomBytes(size).toString('hex')))
    const aText = (person: Person, fileName: string, size: number) => anUpload(person, { fileName, contentType: 'text/plain' }, text(size))
    const [large, lost, small] = [
      await aText(ann, 'large.txt', 600_000),
      await aText(ann, 'lost.txt', 10),
      await aText(ann, 'a:b?.txt', 300_000),
    ]
    const pending = await aPending(ann)
    await aText(bob, 'bobs.txt', 10)
    await ann.send(conversation.id, { attachments: [small.id] }).expect(201)
    const rowOfLost = await app.context.collection<UploadDocument>('uploads').findOne({ _id: new Types.ObjectId(lost.id) })
    for await (const { key } of app.context.storage.list(`final/${rowOfLost?.servedFrom?.toHexString()}`))
      await app.context.storage.remove([key])
    const { id } = await begin(ann)
    const most = { bytes: 1_000_000, files: 2 }
    aRunner(app, [anExportJob(app, filesOfUploads({ uploads: app.context.uploadsOfOne, most }))]).wake()
    await isReady(ann, id)
    const { 'uploads.json': list, ...files } = unzip(Buffer.from(await (await download(app, ann, id)).arrayBuffer()))
    const path = `files/${small.id}-a_b_.txt`
    expect(files).toEqual({ [path]: Buffer.from(small.bytes).toString() })
    const hadFrom = (uploadId: string) => `/api/v1/uploads/${uploadId}/content`
    expect(JSON.parse(list ?? '')).toEqual([
      expect.objectContaining({ id: pending.id, status: 'pending', path: null }),
      expect.objectContaining({ id: small.id, status: 'ready', fileName: 'a:b?.txt', attachedIn: [conversation.id], path }),
      expect.objectContaining({ id: lost.id, path: null, hadFrom: hadFrom(lost.id) }),
      expect.objectContaining({ id: large.id, path: null, hadFrom: hadFrom(large.id) }),
    ])
  })

  it('has at most so many files, and those of the whole server’s export too', async () => {
    const app = await anApp({ PORT: String(await freePort()) })
    const ann = await aPerson(app)
    const [first, second] = [await anUpload(ann, { fileName: 'first' }), await anUpload(ann, { fileName: 'second' })]
    const zip = unzip(Buffer.from(await (await download(app, ann, await anExport(ann))).arrayBuffer()))
    expect(Object.keys(zip).slice(-3)).toEqual([`files/${second.id}-second`, `files/${first.id}-first`, 'uploads.json'])
    const paths: string[] = []
    const one = filesOfUploads({ uploads: app.context.uploadsOfOne, most: { bytes: 10_000, files: 1 } })
    for await (const { path } of one(ann.id, () => undefined)) paths.push(path)
    expect(paths).toEqual([`files/${second.id}-second`, 'uploads.json'])
  })

  it('begins anew where the storage is away, and lets go of what it was reading', async () => {
    const app = await anApp({ PORT: String(await freePort()) })
    const ann = await aPerson(app)
    await anUpload(ann, {}, new Uint8Array(randomBytes(3_000_000)))
    const { uploadsOfOne } = app.context
    const streams: Readable[] = []
    const uploads = {
      all: (userId: string) => uploadsOfOne.all(userId),
      async open(upload: UploadDocument) {
        const stream = await uploadsOfOne.open(upload)
        if (stream) streams.push(stream)
        return stream
      },
    }
    for await (const _ of zipOf(filesOfUploads({ uploads })(ann.id, () => undefined))) break
    await expect.poll(() => streams.map(({ destroyed }) => destroyed), deadline).toEqual([true])
    const away = { ...uploads, open: () => Promise.reject(new StorageUnavailable('on purpose')) }
    const reading = async () => {
      for await (const _ of zipOf(filesOfUploads({ uploads: away })(ann.id, () => undefined))) continue
    }
    await expect(reading()).rejects.toThrow('on purpose')
  })

  it('lets go of what the storage gave once nobody read any more', async () => {
    const late = new Readable({ read() {} })
    let give = (): void => undefined
    const isAsked = new Promise<void>((resolve) => {
      give = resolve
    })
    const files = async function* () {
      yield { path: 'first', content: () => ['first'] }
      await isAsked
      try {
        yield { path: 'late', content: () => late }
      } finally {
        late.destroy()
      }
    }
    for await (const _ of zipOf(files())) break
    give()
    await expect.poll(() => late.destroyed, deadline).toBe(true)
  })

  it('goes with the account', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    await anExport(ann)
    await goes(ann)
    await deletionIsDone(app, ann)
    expect([await jobsOf(app).countDocuments({ kind: 'export' }), await partsOf(app).countDocuments()]).toEqual([0, 0])
  })

  it('fails where reading fails, and is told so', async () => {
    const app = await anApp({}, idle)
    const ann = await aPerson(app)
    const stream = await aStream(ann, app)
    await storeOf(app).begin('export', new Types.ObjectId(ann.id))
    const failing = anExportJob(app, () => {
      throw new Error('on purpose')
    })
    aRunner(app, [{ ...failing, mostAttempts: 1 }]).wake()
    await expect
      .poll(() => dataOf(stream, 'export.ready'), deadline)
      .toMatchObject([{ export: { status: 'failed', size: null, expiresAt: null } }])
  })
})
