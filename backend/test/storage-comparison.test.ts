import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Expected, orphans, removeOrphan } from '../src/platform/storage/comparison.js'
import { S3Storage } from '../src/platform/storage/s3-storage.js'
import { aBucket, type Bucket } from './support/s3.js'

let bucket: Bucket
let storage: S3Storage
beforeEach(async () => {
  bucket = await aBucket()
  storage = new S3Storage(bucket.settings)
})
afterEach(async () => {
  await storage.close()
  await bucket.remove()
})

const anId = () => randomBytes(12).toString('hex')
const put = (key: string) => storage.write(key, Buffer.from('x'), { size: 1, contentType: 'image/png' })
const inTwoHours = () => new Date(Date.now() + 2 * 3_600_000)
const original = (id: string) => `final/${id}/original`

/** Rows as their ids and the keys that belong to those that are ready. */
const rowsOf = (rows: ReadonlyMap<string, readonly string[]>, goneSince: readonly string[] = []): Expected => ({
  known: async (keys) => new Set(keys.filter((key) => rows.has(key.split('/')[1] ?? ''))),
  async *ready() {
    for (const [id, keys] of rows) for (const key of keys) yield { id, key }
  },
  stillReady: async (id) => !goneSince.includes(id),
})
const found = async (...compared: [Expected, Date?]) => {
  const all: unknown[] = []
  for await (const { kind, ...orphan } of orphans(storage, ...compared)) all.push([kind, 'id' in orphan ? orphan.id : orphan.key])
  return all
}

describe('comparing the storage with its rows', () => {
  it('finds objects and multiparts without a row, and ready rows without an object, and removes the former', async () => {
    const [whole, pending, nobody, begun, lost] = [anId(), anId(), anId(), anId(), anId()]
    for (const key of [original(whole), `final/${whole}/thumbnail`, `pending/${pending}`, original(nobody), `final/${nobody}/thumbnail`])
      await put(key)
    await put(`pending/${nobody}`)
    await storage.beginMultipart({ key: `pending/${begun}`, contentType: 'video/mp4' })
    const rows = rowsOf(
      new Map([
        [whole, [original(whole), `final/${whole}/thumbnail`]],
        [pending, []],
        [lost, [original(lost)]],
      ]),
    )
    expect(await found(rows, inTwoHours())).toEqual([
      ['object', `pending/${nobody}`],
      ['object', original(nobody)],
      ['object', `final/${nobody}/thumbnail`],
      ['multipart', `pending/${begun}`],
      ['row', lost],
    ])
    const removed: boolean[] = []
    for await (const orphan of orphans(storage, rows, inTwoHours())) removed.push(await removeOrphan(storage, orphan))
    expect(removed).toEqual([true, true, true, true, false])
    expect(await found(rows, inTwoHours())).toEqual([['row', lost]])
    expect(await storage.head(original(whole))).toBeDefined()
  })

  it('lets be what is young, what is no key of ours, and rows that are ready no more', async () => {
    const [young, gone] = [anId(), anId()]
    await put(original(young))
    await put('final/notes.txt')
    await put(`final/${young}/other`)
    await put(`elsewhere/${young}`)
    expect(await found(rowsOf(new Map([[gone, [original(gone)]]]), [gone]))).toEqual([])
    expect(await found(rowsOf(new Map([[gone, [original(gone)]]]), [gone]), inTwoHours())).toEqual([['object', original(young)]])
  })

  it('finds nothing wrong with what is removed meanwhile, before what it belongs to', async () => {
    await put(original(anId()))
    const rows: Expected = {
      ...rowsOf(new Map()),
      async known(keys) {
        await storage.remove(keys)
        return new Set()
      },
    }
    expect(await found(rows, inTwoHours())).toEqual([])
  })

  it('goes on over many batches', async () => {
    const ids = Array.from({ length: 1050 }, anId).toSorted((one, other) => one.localeCompare(other))
    for (let from = 0; from < ids.length; from += 50) await Promise.all(ids.slice(from, from + 50).map((id) => put(original(id))))
    const known = new Map(ids.filter((_, index) => index % 2 === 0).map((id) => [id, []]))
    const strangers = (await found(rowsOf(known), inTwoHours())).length
    expect(strangers).toBe(1050 / 2)
  })
})
