import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, type FileHandle, mkdir, open, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { AlreadyThere } from '../src/platform/storage/local-gate.js'
import { removeLeftovers } from '../src/platform/storage/local-leftovers.js'
import type { LocalStorage } from '../src/platform/storage/local-storage.js'
import { OneAtATime, UnderWay } from '../src/platform/storage/one-at-a-time.js'
import { StorageRefusal, StorageUnavailable } from '../src/platform/storage/storage.js'
import { aFolder, all, anId, filesIn, finalKey, pendingKey, png, sha256Of, storageIn } from './support/local-storage.js'
import { aSmallDisk } from './support/small-disk.js'

let folder: string
let storage: LocalStorage
beforeEach(async () => {
  folder = await aFolder()
  storage = storageIn(folder)
})

const written = async (bytes = randomBytes(1000), key = finalKey(), contentType = png) => {
  await storage.write(key, bytes, { size: bytes.length, contentType })
  return key
}
const pathOf = (key: string): string => {
  const [area = '', id = '', which] = key.split('/')
  return join(folder, area, id.slice(0, 4), which === undefined ? id : `${id}.${which}`)
}

describe('an object in a folder', () => {
  it('is read as it was written, from bytes or from a stream, whole or in part', async () => {
    const bytes = randomBytes(3_000_000)
    const keys = [finalKey(), pendingKey()] as const
    await storage.write(keys[0], bytes, { size: bytes.length, contentType: png })
    await storage.write(keys[1], Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]), { size: bytes.length, contentType: png })
    for (const key of keys) {
      expect(await storage.head(key)).toEqual({ size: bytes.length, contentType: png, sha256: sha256Of(bytes) })
      expect(bytes.equals(await buffer(await storage.read(key)))).toBe(true)
      expect(await buffer(await storage.read(key, { start: 5, end: 14 }))).toEqual(bytes.subarray(5, 15))
      expect(await buffer(await storage.read(key, { start: bytes.length - 3, end: bytes.length + 1000 }))).toEqual(bytes.subarray(-3))
    }
  })

  it('may be empty', async () => {
    const key = await written(Buffer.alloc(0))
    expect(await storage.head(key)).toMatchObject({ size: 0 })
    expect(await buffer(await storage.read(key))).toHaveLength(0)
  })

  it('is seen by the other workers, who share the folder', async () => {
    const key = await written()
    expect(await storageIn(folder).head(key)).toMatchObject({ size: 1000 })
  })

  it('is on the disk before it has its name, and its name before it is acknowledged', async () => {
    await written() // the folders are there
    const some = await open(folder, 'r')
    const handles: FileHandle = Object.getPrototypeOf(some)
    await some.close()
    const key = finalKey()
    await mkdir(join(pathOf(key), '..'), { recursive: true })
    const synced: { isFolder: boolean; bytes: number; isThere: boolean }[] = []
    const spy = vi.spyOn(handles, 'sync').mockImplementation(async function (this: FileHandle) {
      const about = await this.stat()
      await this.datasync()
      synced.push({ isFolder: about.isDirectory(), bytes: about.size, isThere: (await storage.head(key)) !== undefined })
    })
    onTestFinished(() => spy.mockRestore())
    await written(randomBytes(3000), key)
    expect(synced).toEqual([
      { isFolder: false, bytes: 3512, isThere: false }, // 512 of them say what it is
      { isFolder: true, bytes: expect.any(Number), isThere: true },
    ])
  })

  it('can be read by nobody else on the machine', async () => {
    const key = await written()
    const { stdout } = await promisify(execFile)('find', [folder, '-mindepth', '1', '-perm', '/077'])
    expect([stdout, await storage.head(key)]).toEqual(['', expect.anything()])
  })

  it('is replaced whole, and who reads it reads on', async () => {
    const key = await written(Buffer.alloc(2_000_000, 'a'))
    const reading = await storage.read(key)
    await written(Buffer.from('b'), key)
    expect((await buffer(reading)).equals(Buffer.alloc(2_000_000, 'a'))).toBe(true)
    expect(await buffer(await storage.read(key))).toEqual(Buffer.from('b'))
  })

  it.each([
    ['more', 11],
    ['fewer', 9],
  ])('is not written with %s bytes than were said, and what was there stays', async (_what, length) => {
    const key = await written(Buffer.from('before'))
    const body = Readable.from([Buffer.alloc(length)])
    await expect(storage.write(key, body, { size: 10, contentType: png })).rejects.toThrow(/bytes than were said/)
    expect(await buffer(await storage.read(key))).toEqual(Buffer.from('before'))
    expect(await filesIn(join(folder, 'temporary'))).toEqual([])
  })

  it('is not written where its stream breaks off', async () => {
    const key = finalKey()
    const body = Readable.from(
      (function* () {
        yield Buffer.alloc(5)
        throw new Error('broken')
      })(),
    )
    await expect(storage.write(key, body, { size: 10, contentType: png })).rejects.toThrow('broken')
    expect([await storage.head(key), await filesIn(folder)]).toEqual([undefined, []])
  })

  it('is whole, one or the other, where many write it at once', async () => {
    const key = finalKey()
    const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(100_000, index))
    await Promise.all(bodies.map((bytes) => storageIn(folder).write(key, bytes, { size: bytes.length, contentType: png })))
    const found = await buffer(await storage.read(key))
    expect(bodies.some((bytes) => bytes.equals(found))).toBe(true)
    expect(await filesIn(join(folder, 'temporary'))).toEqual([])
  })

  it('that is not there is told apart from a storage that is not', async () => {
    expect(await storage.head(finalKey())).toBeUndefined()
    await expect(storage.read(finalKey())).rejects.toEqual(new StorageRefusal('no_object'))
    await expect(storage.copy(pendingKey(), finalKey(), { contentType: png })).rejects.toEqual(new StorageRefusal('no_object'))
  })

  it.each(['cut off', 'longer'])('that is not as it was written is not served: %s', async (how) => {
    const key = await written()
    await (how === 'longer' ? appendFile(pathOf(key), 'x') : truncate(pathOf(key), 1200))
    await expect(storage.head(key)).rejects.toBeInstanceOf(StorageUnavailable)
    await expect(storage.read(key)).rejects.toBeInstanceOf(StorageUnavailable)
  })

  it('is removed with others, again without change', async () => {
    const keys = [await written(), await written()]
    await storage.remove([...keys, finalKey()])
    await storage.remove(keys)
    expect(await filesIn(folder)).toEqual([])
  })

  it('stays within the folder, whatever its key', async () => {
    const id = anId()
    for (const key of [
      '',
      'pending',
      `pending/../final/${id}`,
      `../${id}`,
      `pending/${id}/../../x`,
      `/pending/${id}`,
      `pending/${id}\0`,
      `pending/${id}\n`,
      `pending/${id.toUpperCase()}x`,
      `pending/${id}/original`,
      `final/${id}`,
      `final/${id}/other`,
      `temporary/${id}`,
    ]) {
      await expect(storage.write(key, Buffer.from('x'), { size: 1, contentType: png }), key).rejects.toThrow(/not a key/)
      await expect(storage.head(key), key).rejects.toThrow(/not a key/)
    }
    const upload = { key: `pending/${id}`, uploadId: '../../x', parts: [{ number: 1, etag: '"x"' }] }
    await expect(storage.completeMultipart(upload)).rejects.toThrow(/not a multipart/)
    await expect(storage.abortMultipart(upload)).rejects.toThrow(/not a multipart/)
    expect(await filesIn(folder)).toEqual([])
  })
})

describe('a copy in a folder', () => {
  it.each([
    ['the same type', png],
    ['another type', 'image/webp'],
  ])('has the bytes and %s, and does not change with the original', async (_what, contentType) => {
    const bytes = randomBytes(200_000)
    const [from, to] = [await written(bytes, pendingKey()), finalKey()]
    await storage.copy(from, to, { contentType })
    await storage.copy(from, to, { contentType })
    await written(Buffer.from('other'), from)
    await storage.remove([from])
    expect(await storage.head(to)).toEqual({ size: bytes.length, contentType, sha256: sha256Of(bytes) })
    expect(bytes.equals(await buffer(await storage.read(to)))).toBe(true)
    expect(await filesIn(join(folder, 'temporary'))).toEqual([])
  })

  it('counts as new, however old its original', async () => {
    const from = await written(randomBytes(10), pendingKey())
    const old = new Date(Date.now() - 86_400_000)
    await utimes(pathOf(from), old, old)
    await storage.copy(from, `final/${from.slice(8)}/original`, { contentType: png })
    const [found] = await all(storage.list('final/'))
    expect(Date.now() - Number(found?.modifiedAt)).toBeLessThan(3_600_000)
  })
})

describe('a list of a folder', () => {
  it('has everything under a prefix, in the order of keys, from where it is asked for', async () => {
    const ids = Array.from({ length: 60 }, anId).toSorted()
    const keys = ids.flatMap((id) => [`final/${id}/original`, `final/${id}/thumbnail`])
    const pending = ids.map((id) => `pending/${id}`)
    for (const key of [...keys, ...pending].toReversed()) await written(Buffer.from('x'), key)
    expect((await all(storage.list(''))).map(({ key }) => key)).toEqual([...keys, ...pending])
    expect((await all(storage.list('final/'))).map(({ key }) => key)).toEqual(keys)
    expect((await all(storage.list('final/', keys[70]))).map(({ key }) => key)).toEqual(keys.slice(71))
    expect(await all(storage.list(`final/${ids[3]}/`))).toEqual(
      keys.slice(6, 8).map((key) => ({ key, size: 1, modifiedAt: expect.any(Date) })),
    )
    expect(await all(storage.list('nothing/'))).toEqual([])
    expect((await all(storage.list('pending/', keys[0]))).map(({ key }) => key)).toEqual(pending)
  })

  it('has nothing in it that is not ours', async () => {
    const key = await written(Buffer.from('x'))
    await writeFile(join(folder, 'final', '.DS_Store'), '')
    await writeFile(join(pathOf(key), '..', 'notes.txt'), '')
    expect((await all(storage.list(''))).map((each) => each.key)).toEqual([key])
  })
})

describe('an upload in parts, in a folder', () => {
  const begun = async () => {
    const key = pendingKey()
    const { uploadId } = await storage.beginMultipart({ key, contentType: 'video/mp4' })
    const put = async (number: number, bytes = randomBytes(1000), at = storage) => {
      const etag = await at.gate.receivePart({ key, uploadId, number }, Readable.from([bytes]), { size: bytes.length, contentType: '' })
      return { number, etag }
    }
    return {
      key,
      uploadId,
      put,
      complete: (parts: { number: number; etag: string }[]) => storage.completeMultipart({ key, uploadId, parts }),
    }
  }

  it('is joined in the order of its parts, whoever took them and in whatever order', async () => {
    const { key, put, complete } = await begun()
    const bytes = Array.from({ length: 12 }, () => randomBytes(100_000))
    const parts = await Promise.all(bytes.map((each, index) => put(index + 1, each, index % 2 ? storageIn(folder) : storage)))
    await complete(parts)
    const whole = Buffer.concat(bytes)
    expect(await storage.head(key)).toEqual({ size: whole.length, contentType: 'video/mp4', sha256: sha256Of(whole) })
    expect(whole.equals(await buffer(await storage.read(key)))).toBe(true)
    expect(await filesIn(folder)).toHaveLength(1)
  })

  it('has the part that came last of those with a number, and may leave some out', async () => {
    const { key, put, complete } = await begun()
    const first = await put(1, Buffer.from('a'))
    const again = await put(1, Buffer.from('b'))
    await put(2, Buffer.from('c'))
    const third = await put(3, Buffer.from('d'))
    await expect(complete([first, third])).rejects.toEqual(new StorageRefusal('wrong_parts'))
    await complete([{ ...again, etag: again.etag.replaceAll('"', '') }, third])
    expect((await buffer(await storage.read(key))).toString()).toBe('bd')
  })

  it('is refused with wrong parts, none, or in the wrong order, and can be completed after that, twice', async () => {
    const { key, uploadId, put, complete } = await begun()
    const [part, second] = [await put(1), await put(2)]
    for (const parts of [
      [],
      [{ number: 1, etag: `"${'0'.repeat(64)}"` }],
      [part, { number: 3, etag: part.etag }],
      [second, part],
      [part, part],
      [{ number: 1, etag: '' }],
      [{ number: 1.5, etag: part.etag }],
      [{ number: -1, etag: part.etag }],
      Array.from({ length: 10_001 }, (_, index) => ({ number: index + 1, etag: part.etag })),
    ]) {
      await expect(complete(parts)).rejects.toEqual(new StorageRefusal('wrong_parts'))
    }
    await expect(storage.completeMultipart({ key: pendingKey(), uploadId, parts: [part] })).rejects.toEqual(new StorageRefusal('no_upload'))
    await complete([part, second])
    await complete([part, second])
    expect(await storage.head(key)).toMatchObject({ size: 2000 })
  })

  it('is completed once by many at once', async () => {
    const { key, put, complete } = await begun()
    const parts = [await put(1, Buffer.alloc(500_000, 1)), await put(2, Buffer.alloc(500_000, 2))]
    await Promise.all(Array.from({ length: 8 }, () => complete(parts)))
    expect(await storage.head(key)).toMatchObject({ size: 1_000_000 })
    expect(await filesIn(folder)).toHaveLength(1)
  })

  it('is listed while it is under way, and is gone with its parts once aborted, however often', async () => {
    const { key, uploadId, put, complete } = await begun()
    const part = await put(1)
    expect(await all(storage.multiparts())).toEqual([{ key, uploadId, begunAt: expect.any(Date) }])
    await storage.abortMultipart({ key, uploadId })
    await storage.abortMultipart({ key, uploadId })
    expect(await all(storage.multiparts())).toEqual([])
    await expect(complete([part])).rejects.toEqual(new StorageRefusal('no_upload'))
    await expect(put(2)).rejects.toEqual(new StorageRefusal('no_upload'))
    expect([await storage.head(key), await filesIn(folder)]).toEqual([undefined, []])
  })

  it('takes no part that was on its way when it was aborted', async () => {
    const { key, uploadId } = await begun()
    const body = new Readable({ read() {} })
    const coming = storage.gate.receivePart({ key, uploadId, number: 1 }, body, { size: 2, contentType: '' })
    body.push('a')
    await expect.poll(() => filesIn(join(folder, 'temporary'))).toHaveLength(1)
    await storage.abortMultipart({ key, uploadId })
    body.push('b')
    body.push(null)
    await expect(coming).rejects.toEqual(new StorageRefusal('no_upload'))
    expect(await filesIn(folder)).toEqual([])
  })
})

describe('a PUT that comes while another one sends the same', () => {
  const size = 2
  const aPut = (at: LocalStorage) => {
    const [key, bytes] = [pendingKey(), randomBytes(size)]
    const told = { size, contentType: 'image/png', sha256: sha256Of(bytes) }
    return { key, bytes, put: (body: Readable) => at.gate.receive(key, body, told) }
  }
  const aBody = () => new Readable({ read() {} })
  const oneFile = () => expect.poll(() => filesIn(join(folder, 'temporary'))).toHaveLength(1)
  const neverSilent = { waitMs: 50, silentMs: 60_000 }

  it('is refused while that one’s client still sends, which is not disturbed', async () => {
    const at = storageIn(folder, undefined, { patience: neverSilent })
    const { key, bytes, put } = aPut(at)
    const body = aBody()
    const coming = put(body)
    body.push(bytes.subarray(0, 1))
    await oneFile()
    await expect(put(Readable.from([bytes]))).rejects.toThrow(UnderWay)
    body.push(bytes.subarray(1))
    body.push(null)
    await coming
    await expect(put(Readable.from([bytes]))).rejects.toThrow(AlreadyThere)
    expect(await at.head(key)).toMatchObject({ size })
  })

  it('takes its place where that one’s client has fallen silent', async () => {
    const at = storageIn(folder, undefined, { patience: { waitMs: 60_000, silentMs: 0 } })
    const { key, bytes, put } = aPut(at)
    const body = aBody()
    const coming = expect(put(body)).rejects.toThrow(/close/i)
    body.push(bytes.subarray(0, 1))
    await oneFile()
    await put(Readable.from([bytes]))
    await coming
    expect(await at.head(key)).toMatchObject({ size })
  })

  it('waits for its turn, alone, however many wait', async () => {
    const turns = new OneAtATime({ waitMs: 60_000, silentMs: 60_000 })
    let [now, most] = [0, 0]
    const one = () =>
      turns.run('same', Readable.from([Buffer.alloc(1)]), async (bytes) => {
        now += 1
        most = Math.max(most, now)
        await buffer(bytes)
        now -= 1
      })
    await Promise.all(Array.from({ length: 20 }, one))
    expect(most).toBe(1)
  })
})

describe('what a dead worker left', () => {
  it('goes once nobody has written to it for an hour', async () => {
    await storage.check()
    const temporary = join(folder, 'temporary')
    await mkdir(join(temporary, 'begun'))
    for (const name of ['old', 'young', 'begun/about.json']) await writeFile(join(temporary, name), 'x')
    const old = new Date(Date.now() - 3_700_000)
    for (const name of ['old', 'begun']) await utimes(join(temporary, name), old, old)
    expect(await removeLeftovers(temporary)).toBe(2)
    expect(await filesIn(temporary)).toEqual(['young'])
  })

  it('is removed when a worker begins to write', async () => {
    await storage.check()
    const left = join(folder, 'temporary', 'left')
    await writeFile(left, 'x')
    const old = new Date(Date.now() - 3_700_000)
    await utimes(left, old, old)
    await written()
    await expect.poll(() => filesIn(join(folder, 'temporary'))).toEqual([])
  })
})

describe('a folder that fails', () => {
  it('is told of, and is no refusal', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const below = storageIn(join(file, 'uploads'))
    await expect(below.check()).rejects.toBeInstanceOf(StorageUnavailable)
    await expect(below.write(finalKey(), Buffer.from('x'), { size: 1, contentType: png })).rejects.toBeInstanceOf(StorageUnavailable)
    expect(await below.faults()).toEqual([expect.stringContaining('UPLOAD_DIR')])
    await rm(file)
    await below.check()
    expect(await below.faults()).toEqual([])
  })

  it('is not made anew once it was there: what lies below a disk that is gone is another one', async () => {
    await storage.check()
    await rm(folder, { recursive: true })
    await expect(storage.write(finalKey(), Buffer.from('x'), { size: 1, contentType: png })).rejects.toBeInstanceOf(StorageUnavailable)
    await expect(storage.check()).rejects.toBeInstanceOf(StorageUnavailable)
    expect(await filesIn(folder)).toEqual([])
  })

  it('because it is full says so, leaves nothing half done, and works on once there is room', async () => {
    const disk = await aSmallDisk()
    const small = storageIn(disk)
    const key = finalKey()
    const write = (bytes: number) => small.write(key, Readable.from(chunks(bytes)), { size: bytes, contentType: png })
    const chunks = function* (bytes: number) {
      for (let left = bytes; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536), 7)
    }
    await write(400_000)
    await expect(write(2_000_000)).rejects.toThrow(/no room is left/)
    await expect(write(700_000)).rejects.toBeInstanceOf(StorageUnavailable) // the former one is still there beside it
    expect(await small.head(key)).toMatchObject({ size: 400_000 })
    expect(await filesIn(disk)).toHaveLength(1)
    await small.remove([key])
    await write(700_000)
    expect(await small.head(key)).toMatchObject({ size: 700_000 })
  })
})
