import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { mongo } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { testProgram } from '../../dev/services/test-programs.js'
import { writeManifest } from '../src/backup/manifest.js'
import { sealingTo } from '../src/backup/sealing.js'
import { takePlace } from '../src/backup/target.js'
import { admin, aFolder, aPlace, atRest, backUp, contentOf, databaseOf, serverOf } from './support/backups.js'
import { aDirectConversation } from './support/people.js'
import { aSmallDisk } from './support/small-disk.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const run = promisify(execFile)
const secret = 'what nobody else may read'
let app: TestApp
beforeAll(async () => {
  app = await startTestApp({}, { forgetAfterMs: 0 })
  const { ann, conversation } = await aDirectConversation(app)
  for (let n = 0; n < 20; n++) await ann.send(conversation.id, { text: `${secret} ${n}` }).expect(201)
  await atRest(app)
})
afterAll(() => app.close())

const flipped = async (path: string): Promise<void> => {
  const file = await open(path, 'r+')
  const at = Math.floor((await file.stat()).size / 2)
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, at)
  await file.close()
}

describe('a damaged backup', { timeout: 60_000 }, () => {
  it.each<[string, (path: string) => Promise<unknown>, string]>([
    ['a bit of its messages', (path) => flipped(join(path, 'messages.bson.gz')), 'messages.bson.gz is damaged'],
    ['a bit of what it says of itself', (path) => flipped(join(path, 'manifest.json')), 'manifest.json is damaged'],
    ['its people', (path) => rm(join(path, 'users.bson.gz')), 'users.bson.gz is missing'],
    ['its checksums', (path) => rm(join(path, 'SHA256SUMS')), 'no whole backup'],
    [
      'a line of its checksums',
      async (path) => writeFile(join(path, 'SHA256SUMS'), (await readFile(join(path, 'SHA256SUMS'), 'utf8')).slice(0, -9)),
      'is damaged',
    ],
    ['nothing, and has a file too many', (path) => writeFile(join(path, 'more.bson.gz'), ''), 'more.bson.gz is not of it'],
  ])('that has lost %s is refused before anything is touched', async (_, damage, told) => {
    const { path } = await backUp(app)
    await damage(path)
    const into = aPlace(app)
    for (const words of [
      ['verify', path],
      ['restore', path, '--into', into, '--yes'],
    ]) {
      expect(await admin(app, words)).toMatchObject({ exitCode: 1, errors: expect.stringContaining(told) })
    }
    expect(await serverOf(app).db(into).listCollections().toArray()).toEqual([])
  })

  it('whose checksums agree, and whose documents do not, is refused too', async () => {
    const { path } = await backUp(app)
    const sums = await readFile(join(path, 'SHA256SUMS'), 'utf8')
    const said = await readFile(join(path, 'manifest.json'), 'utf8')
    const lying = said.replace(/("collection": "messages",\s+"documents": )\d+/, '$17')
    expect(lying).not.toBe(said)
    await writeFile(join(path, 'manifest.json'), lying)
    const { stdout } = await run('sha256sum', [join(path, 'manifest.json')])
    await writeFile(join(path, 'SHA256SUMS'), sums.replace(/^\w{64}(?= {2}manifest)/, stdout.slice(0, 64)))
    expect(await admin(app, ['verify', path])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('20 documents') })
  })

  it('is one that sha256sum finds damaged, and a good one is good', async () => {
    const { path } = await backUp(app)
    await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: path })
    await flipped(join(path, 'users.bson.gz'))
    await expect(run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: path })).rejects.toThrow('did NOT match')
  })
})

describe('an encrypted backup', { timeout: 90_000 }, () => {
  const restores = async (path: string, words: readonly string[], environment = {}) => {
    const into = aPlace(app)
    const ended = await admin(app, ['restore', path, '--into', into, '--yes', ...words], environment)
    expect(ended.exitCode, ended.errors).toBe(0)
    expect(await contentOf(serverOf(app).db(into))).toEqual(await contentOf(databaseOf(app)))
  }

  it('by age is opened by its key alone', async () => {
    const folder = await aFolder()
    const program = testProgram('age')
    const [mine, other] = [join(folder, 'mine'), join(folder, 'other')]
    for (const file of [mine, other]) await run(`${program}-keygen`, ['--output', file])
    const [, recipient = ''] = /public key: (\S+)/.exec(await readFile(mine, 'utf8')) ?? []
    const made = await admin(app, ['backup', '--to', join(folder, 'backups')], { BACKUP_RECIPIENT: recipient })
    expect(made.exitCode, made.errors).toBe(0)
    const path = made.output.trim()
    expect(await readdir(path)).toContain('messages.bson.gz.age')
    expect(await admin(app, ['verify', path])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('--identity') })
    expect(await admin(app, ['verify', path, '--sums'])).toMatchObject({ exitCode: 0 })
    expect(await admin(app, ['verify', path, '--identity', other])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('age failed'),
    })
    const notes = join(folder, 'notes')
    await writeFile(notes, 'where the key is kept')
    for (const file of [other, notes, join(folder, 'not-there'), folder]) {
      const into = aPlace(app)
      const refused = await admin(app, ['restore', path, '--into', into, '--yes', '--identity', file])
      expect(refused).toMatchObject({ exitCode: 1, errors: expect.stringContaining('age failed') })
      expect(refused.errors).toContain(file === other ? 'no identity matched' : file)
      expect(await serverOf(app).db(into).listCollections().toArray()).toEqual([])
    }
    await restores(path, ['--identity', mine])
  })

  it('by gpg is opened by who has its key', async () => {
    const home = await mkdtemp(join(tmpdir(), 'gpg-')) // short: a socket is in it
    onTestFinished(async () => {
      await run('gpgconf', ['--homedir', home, '--kill', 'all']).catch(() => undefined)
      await rm(home, { recursive: true, force: true })
    })
    await run(testProgram('gpg'), [
      '--homedir',
      home,
      '--batch',
      '--passphrase',
      '',
      '--quick-generate-key',
      'backup@example.com',
      'default',
      'default',
      'never',
    ])
    const made = await admin(app, ['backup', '--to', await aFolder(), '--recipient', 'backup@example.com'], { GNUPGHOME: home })
    expect(made.exitCode, made.errors).toBe(0)
    const path = made.output.trim()
    expect(await readdir(path)).toContain('messages.bson.gz.gpg')
    const empty = await aFolder()
    expect(await admin(app, ['verify', path], { GNUPGHOME: empty })).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('gpg failed'),
    })
    await restores(path, [], { GNUPGHOME: home })
  })

  it('is not made for a key that is none, and leaves nothing', async () => {
    const folder = await aFolder()
    expect(await admin(app, ['backup', '--to', folder, '--recipient', '--batch'])).toMatchObject({ exitCode: 2 })
    const unknown = await admin(app, ['backup', '--to', folder, '--recipient', 'nobody@example.com'], { GNUPGHOME: await aFolder() })
    expect(unknown).toMatchObject({ exitCode: 1, errors: expect.stringContaining('gpg failed') })
    expect(await readdir(folder)).toEqual([])
    expect(() => sealingTo('two words')).toThrow('neither')
  })
})

describe('making a backup', { timeout: 60_000 }, () => {
  it('reads each collection by id, so that what is removed and comes again behind it is not met twice', async () => {
    await databaseOf(app).collection('idempotency_keys').insertOne({ made: 'for this test' })
    const client = new mongo.MongoClient(app.context.config.mongo.uri, { monitorCommands: true })
    onTestFinished(() => client.close())
    const sorts = new Map<string, unknown>()
    client.on('commandStarted', ({ commandName, command }) => {
      if (commandName === 'find') sorts.set(String(command['find']), command['sort'] && Object.fromEntries(command['sort']))
    })
    const { manifest } = await backUp(app, { db: client.db(databaseOf(app).databaseName) })
    const copied = manifest.files.flatMap(({ collection }) => collection ?? [])
    expect(copied).toContain('idempotency_keys')
    for (const name of copied)
      expect([name, sorts.get(name)]).toEqual([name, name === 'messages' ? { conversationId: 1, seq: 1 } : { _id: 1 }])
    await databaseOf(app).collection('idempotency_keys').deleteMany({})
  })

  it('goes on once at a time; the second is refused and the first is whole; what somebody left who died is removed', async () => {
    const folder = await aFolder()
    await mkdir(join(folder, `${databaseOf(app).databaseName}-20200101T000000Z.partial`))
    await mkdir(join(folder, 'not-ours.partial'))
    let [begun, release] = [() => {}, () => {}]
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const first = backUp(app, { folder, onStep: () => (begun(), released) })
    await isBegun
    expect(await admin(app, ['backup', '--to', folder])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('another backup') })
    release()
    const { path } = await first
    expect(await admin(app, ['verify', path])).toMatchObject({ exitCode: 0 })
    expect((await readdir(folder)).toSorted()).toEqual(['not-ours.partial', path.slice(folder.length + 1)].toSorted())
    expect(await admin(app, ['backup', '--to', folder])).toMatchObject({ exitCode: 0 })
  })

  it('on a full disk leaves nothing of itself, says so, and can be begun again', async () => {
    const folder = await aSmallDisk()
    const large = databaseOf(app).collection('large')
    onTestFinished(async () => void (await large.drop()))
    for (let n = 0; n < 3; n++) await large.insertOne({ noise: randomBytes(500_000) })
    expect(await admin(app, ['backup', '--to', folder])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('no space is left') })
    expect(await readdir(folder)).toEqual([])
    expect(await admin(app, ['backup', '--to', await aFolder()])).toMatchObject({ exitCode: 0 })
    await large.deleteMany({})
    expect(await admin(app, ['backup', '--to', folder])).toMatchObject({ exitCode: 0 })
  })

  it('has the folder of uploads in it, and what Redis holds where it is asked for', async () => {
    const uploads = await aFolder()
    const kept = join(uploads, 'final', '6921')
    await mkdir(kept, { recursive: true })
    await mkdir(join(uploads, 'temporary'))
    await writeFile(join(uploads, 'temporary', 'being-written'), 'half')
    await writeFile(join(kept, 'one.original'), 'a picture')
    const made = await admin(app, ['backup', '--redis', '--to', await aFolder()], { UPLOAD_DIR: uploads, REDIS_URL: inject('redisUrl') })
    expect(made.exitCode, made.errors).toBe(0)
    const path = made.output.trim()
    expect((await readFile(join(path, 'redis.rdb'))).subarray(0, 5).toString()).toBe('REDIS')
    const elsewhere = await aFolder()
    await mkdir(join(elsewhere, 'final', '6921'), { recursive: true })
    await writeFile(join(elsewhere, 'final', '6921', 'two.original'), 'is there already')
    const restored = await admin(app, ['restore', path, '--into', aPlace(app), '--yes'], { UPLOAD_DIR: elsewhere })
    expect(restored.exitCode, restored.errors).toBe(0)
    expect(await readFile(join(elsewhere, 'final', '6921', 'one.original'), 'utf8')).toBe('a picture')
    expect((await readdir(join(elsewhere, 'final', '6921'))).toSorted()).toEqual(['one.original', 'two.original'])
    await expect(stat(join(elsewhere, 'temporary', 'being-written'))).rejects.toThrow('ENOENT')
  })

  it('is none where uploads are ready, and the folder that is named is not theirs', async () => {
    const { insertedId } = await databaseOf(app).collection('uploads').insertOne({ status: 'ready' })
    onTestFinished(async () => void (await databaseOf(app).collection('uploads').deleteOne({ _id: insertedId })))
    const [folder, empty] = [await aFolder(), await aFolder()]
    await mkdir(join(empty, 'final', '6921'), { recursive: true })
    for (const uploads of [join(empty, 'not-there'), empty]) {
      const refused = await admin(app, ['backup', '--to', folder], { UPLOAD_DIR: uploads })
      expect(refused).toMatchObject({ exitCode: 1, errors: expect.stringContaining(`no upload's file is in ${uploads}`) })
      expect(await readdir(folder)).toEqual([])
    }
    await writeFile(join(empty, 'final', '6921', 'one.original'), 'a picture')
    expect(await admin(app, ['backup', '--to', folder], { UPLOAD_DIR: empty })).toMatchObject({ exitCode: 0 })
  })
})

describe('a restore', { timeout: 60_000 }, () => {
  it('is refused while a worker serves the database, and changes nothing', async () => {
    const running = await startTestApp()
    onTestFinished(() => running.close())
    const { path } = await backUp(running)
    const into = aPlace(app)
    const refused = await admin(running, ['restore', path, '--into', into, '--yes'])
    expect(refused).toMatchObject({ exitCode: 1, errors: expect.stringContaining('1 worker serves') })
    expect(await serverOf(app).db(into).listCollections().toArray()).toEqual([])
    expect(await admin(running, ['restore', path, '--rehearse'])).toMatchObject({ exitCode: 0 })
  })

  it('that died half-way is begun again', async () => {
    const { path } = await backUp(app)
    const into = aPlace(app)
    await takePlace(serverOf(app).db(into), 'some-other')
    await serverOf(app).db(into).collection('users').insertOne({ name: 'half' })
    expect(await admin(app, ['restore', path, '--into', into, '--yes'])).toMatchObject({ exitCode: 0 })
    expect(await contentOf(serverOf(app).db(into))).toEqual(await contentOf(databaseOf(app)))
  })

  it('of an archive that has a document twice has it as it was later', async () => {
    const raw = serverOf(app).db(aPlace(app))
    const id = 'of somebody:key'
    await raw.collection<{ _id: string; version: string }>('idempotency_keys').insertOne({ _id: id, version: 'later' })
    const { path, manifest } = await backUp(app, { db: raw })
    const name = 'idempotency_keys.bson.gz'
    const later = gunzipSync(await readFile(join(path, name)))
    const twice = gzipSync(Buffer.concat([mongo.BSON.serialize({ _id: id, version: 'earlier' }), later]))
    await writeFile(join(path, name), twice)
    for (const each of ['manifest.json', 'SHA256SUMS']) await rm(join(path, each))
    const changed = { documents: 2, bytes: twice.length, sha256: createHash('sha256').update(twice).digest('hex') }
    await writeManifest(path, {
      ...manifest,
      files: manifest.files.map((file) => (file.name === name ? Object.assign(file, changed) : file)),
    })
    const into = aPlace(app)
    const { exitCode, errors } = await admin(app, ['restore', path, '--into', into, '--yes'])
    expect([exitCode, errors]).toEqual([0, expect.any(String)])
    expect(await serverOf(app).db(into).collection('idempotency_keys').find().toArray()).toEqual([{ _id: id, version: 'later' }])
  })

  it('of what is not as it should be is not switched to', async () => {
    const raw = serverOf(app).db(aPlace(app))
    const { path } = await backUp(app)
    const at = aPlace(app)
    await admin(app, ['restore', path, '--into', at, '--yes'])
    await serverOf(app).db(at).collection('messages').deleteOne({ seq: 5 })
    const { path: gap } = await backUp(app, { db: serverOf(app).db(at) })
    const variables = join(await aFolder(), 'env')
    await writeFile(variables, `MONGO_URI=${app.context.config.mongo.uri}\n`)
    const ended = await admin(app, ['restore', gap, '--into', raw.databaseName, '--yes', '--env-file', variables])
    expect(ended).toMatchObject({ exitCode: 1, errors: expect.stringContaining('seq_missing 5') })
    expect(await readFile(variables, 'utf8')).toBe(`MONGO_URI=${app.context.config.mongo.uri}\n`)
  })
})
