import { Types } from 'mongoose'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { UploadDocument } from '../src/features/uploads/index.js'
import { keysOfAttempts, originalKey, pendingKey } from '../src/features/uploads/keys.js'
import { StorageUnavailable } from '../src/platform/storage/storage.js'
import { aNeighbour, anApp, at } from './support/listening.js'
import { aPerson, type Person } from './support/people.js'
import { aPicture } from './support/pictures.js'
import { aBucket, type Bucket } from './support/s3.js'
import { before } from './support/storage-steps.js'
import type { TestApp } from './support/test-app.js'
import { anUpload, aPending, contentOf, put, someBytes } from './support/uploads.js'

const claimMs = 3000
let bucket: Bucket
let app: TestApp
let other: TestApp
let ann: Person
beforeAll(async () => {
  bucket = await aBucket()
})
beforeEach(async () => {
  app = await anApp(bucket.environment, { uploads: { everyMs: 3_600_000, claimMs } })
  other = await aNeighbour(app, bucket.environment, { uploads: { everyMs: 3_600_000, claimMs } })
  ann = await aPerson(app)
})
afterAll(() => bucket.remove())

const uploads = () => app.context.mongo.connection.collection<UploadDocument>('uploads')
const withId = (id: string) => ({ _id: new Types.ObjectId(id) })
const stored = async (id: string) => {
  const upload = await uploads().findOne(withId(id))
  if (!upload) throw new Error('It is gone')
  return upload
}
const fail = (): never => {
  throw new StorageUnavailable('in a test')
}
const complete = async (person: Person, id: string) => person.post(`/uploads/${id}/complete`, {})

/** A gate that something waits at. */
const aGate = () => {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), passed }
}

describe('what is PUT', () => {
  it('before the copy is made is what is looked at', async () => {
    const { id, upload } = await aPending(ann)
    // the storage of the tests takes other bytes of the same length; one that does not leaves what was announced
    const isReached = before(app.context.storage, 'copy', () => put(upload, someBytes()))
    expect((await complete(ann, id)).body.detail).toBe('The bytes that came are not those that were announced')
    expect(isReached()).toBe(true)
    expect((await ann.get(`/uploads/${id}`)).body.status).toBe('refused')
  })

  it('once the copy is made changes nothing', async () => {
    const bytes = someBytes()
    const { id, upload } = await aPending(ann, bytes)
    const isReached = before(app.context.storage, 'read', () => put(upload, someBytes()))
    expect((await complete(ann, id)).status).toBe(200)
    expect(isReached()).toBe(true)
    expect(await contentOf(ann, id)).toEqual(bytes)
  })

  it('once it is ready changes nothing, whatever its URL still takes', async () => {
    const bytes = someBytes()
    const { id, upload } = await aPending(ann, bytes)
    const ready = await complete(ann, id)
    expect((await put(upload, someBytes())).status).toBe(200) // it leads to where nobody looks any more
    expect((await complete(ann, id)).body).toEqual(ready.body)
    expect(await contentOf(ann, id)).toEqual(bytes)
    expect(await app.context.storage.head(pendingKey(withId(id)))).toBeDefined()
  })
})

describe('an upload', () => {
  it('is checked once, however many ask at once, at whichever worker', async () => {
    const { id } = await aPending(ann)
    const [here, there] = [ann, at(other, ann)]
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => complete(n % 2 ? here : there, id)))
    answers.push(await complete(here, id))
    for (const { status, body } of answers) expect([status, body]).toEqual([200, answers[0]?.body])
    expect((await stored(id)).attempts).toHaveLength(1)
  })

  it('is nobody else’s to check while a worker is at it, however long that takes', async () => {
    const { id } = await aPending(ann)
    const gate = aGate()
    before(app.context.storage, 'copy', () => gate.passed)
    const slow = complete(ann, id)
    await expect.poll(async () => (await stored(id)).claim).toBeDefined()
    const { claim } = await stored(id)
    const waiting = complete(at(other, ann), id)
    const outlived = (claim?.until.getTime() ?? 0) + 2 * claimMs
    await expect.poll(async () => (await stored(id)).claim?.until.getTime(), { timeout: 30_000 }).toBeGreaterThan(outlived)
    gate.open()
    const answers = await Promise.all([slow, waiting])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect((await stored(id)).attempts).toEqual([claim?.attempt])
  })

  it('that another worker checks is looked at now and then, once for all who wait', async () => {
    const { id } = await aPending(ann)
    const dead = { attempt: new Types.ObjectId(), until: new Date(Date.now() + 3000) }
    await uploads().updateOne(withId(id), { $set: { claim: dead, attempts: [dead.attempt] } })
    const model = app.context.mongo.connection.model<UploadDocument>('Upload')
    const asked = [vi.spyOn(model, 'findOne'), vi.spyOn(model, 'findOneAndUpdate')]
    const answers = await Promise.all(Array.from({ length: 20 }, () => complete(ann, id)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const calls = asked.reduce((sum, { mock }) => sum + mock.calls.length, 0)
    expect(calls).toBeLessThan(120) // each looks first, and tries to take it over; between, one looks for all
  })

  it('is taken over where the worker that checked it died, with what that left', async () => {
    const { id } = await aPending(ann)
    const dead = { attempt: new Types.ObjectId(), until: new Date(Date.now() + 1000) }
    await uploads().updateOne(withId(id), { $set: { claim: dead, attempts: [dead.attempt] } })
    await app.context.storage.write(originalKey(dead.attempt), Buffer.from('half'), { size: 4, contentType: 'text/plain' })
    expect((await complete(ann, id)).status).toBe(200)
    expect(await app.context.storage.head(originalKey(dead.attempt))).toBeUndefined()
  })

  it('is served where the answer to storing that it is ready was lost', async () => {
    const bytes = someBytes()
    const { id } = await aPending(ann, bytes)
    const model = app.context.mongo.connection.model<UploadDocument>('Upload')
    const write = model.findOneAndUpdate.bind(model)
    let lost = 0
    Object.defineProperty(model, 'findOneAndUpdate', {
      configurable: true,
      value: (...[filter, update, options]: Parameters<typeof write>) => ({
        async lean() {
          const answer = await write(filter, update, options).lean()
          if (answer?.status !== 'ready') return answer
          lost += 1
          throw new Error('The connection was closed')
        },
      }),
    })
    const answer = await complete(ann, id)
    Reflect.deleteProperty(model, 'findOneAndUpdate')
    expect([lost, answer.status, answer.body.status]).toEqual([1, 200, 'ready'])
    expect(await contentOf(ann, id)).toEqual(bytes)
  })

  it.each([
    ['copy', 'goes on'],
    ['read', 'goes on'],
    ['write', 'goes on'],
    ['write', 'fails'],
  ] as const)('is served as who took it over made it, where who was given up for dead at %s %s', async (step, how) => {
    const bytes = new Uint8Array(await aPicture().png().toBuffer())
    const picture = { contentType: 'image/png' }
    for (const each of [app, other]) await anUpload(at(each, ann), picture, bytes) // both have begun to work on pictures
    const { id } = await aPending(ann, bytes, picture)
    const gate = aGate()
    const isReached = before(app.context.storage, step, async () => {
      await gate.passed
      if (how === 'fails') before(app.context.storage, step, fail) // at the next one: this one leaves a file
    })
    const slow = complete(ann, id)
    await expect.poll(isReached).toBe(true)
    const [given = new Types.ObjectId()] = (await stored(id)).attempts ?? []
    await uploads().updateOne(withId(id), { $set: { claim: { attempt: new Types.ObjectId(), until: new Date(0) } } })
    const taken = await complete(at(other, ann), id)
    expect(taken.status).toBe(200)
    gate.open()
    const late = await slow
    expect([late.status, late.body]).toEqual([200, taken.body])
    expect((await stored(id)).servedFrom).not.toEqual(given)
    expect((await sharp(await contentOf(ann, id)).metadata()).width).toBe(40)
    for (const key of keysOfAttempts([given])) expect(await app.context.storage.head(key)).toBeUndefined()
  })
})
