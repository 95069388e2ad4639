import { existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ended } from './support/ended.js'
import { aFolder, aSecret } from './support/local-storage.js'
import { idsIn, linesOf } from './support/logs.js'
import { aServerProcess, type ServerProcess } from './support/server-process.js'
import { aSmallDisk } from './support/small-disk.js'

/** Longer than a page of memory, and than what a pipe takes at once. */
const longPath = `/nowhere/${'x'.repeat(6000)}`

const answerMany = async (server: ServerProcess, ids: readonly string[], path?: string): Promise<void> => {
  for (let n = 0; n < ids.length; n += 20) await Promise.all(ids.slice(n, n + 20).map((id) => server.answer(id, path)))
}

/** Leaves nothing free on a disk. @returns what frees it */
const fill = (disk: string): (() => void) => {
  const filler = join(disk, 'filler')
  const full = () => {
    try {
      writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' })
      return false
    } catch {
      return true
    }
  }
  while (!full());
  return () => rmSync(filler)
}

describe('LOG_FILE', () => {
  it('loses no line and mixes none while two servers write to it and it is renamed again and again', async () => {
    const path = join(await aFolder(), 'not', 'there', 'yet', 'server.log')
    const [one, other] = await Promise.all([aServerProcess({ LOG_FILE: path }), aServerProcess({ LOG_FILE: path })])
    const asked = [one, other].map((server) => Array.from({ length: 500 }, (_, n) => `${server.pid}-${n}`))
    const answering = Promise.all([one, other].map((server, n) => answerMany(server, asked[n] ?? [], longPath)))
    const paths = [path]
    const bothAreIn = () => existsSync(path) && new Set(linesOf(path).map(({ pid }) => pid)).size === 2
    for (let rotation = 1; rotation <= 4; rotation++) {
      await expect.poll(bothAreIn).toBe(true)
      renameSync(path, `${path}.${rotation}`)
      paths.push(`${path}.${rotation}`)
      for (const server of [one, other]) server.signal('SIGUSR2')
      for (const server of [one, other]) await server.answer(`${server.pid}-after-${rotation}`)
    }
    await answering
    const all = [...asked.flat(), ...[1, 2, 3, 4].flatMap((n) => [`${one.pid}-after-${n}`, `${other.pid}-after-${n}`])].toSorted()
    await expect.poll(() => idsIn(...paths).toSorted()).toEqual(all)
    expect([one.errors(), other.errors()]).toEqual(['', ''])
  })

  it('goes on in the former file where there can be no new one, and says so', async () => {
    const folder = join(await aFolder(), 'logs')
    const path = join(folder, 'server.log')
    const server = await aServerProcess({ LOG_FILE: path })
    renameSync(folder, `${folder}.away`)
    writeFileSync(folder, 'no folder any more')
    server.signal('SIGUSR2')
    await expect.poll(server.errors).toContain('LOG_FILE cannot be opened anew, and goes on where it was')
    await server.answer('still-there')
    await expect.poll(() => idsIn(join(`${folder}.away`, 'server.log'))).toEqual(['still-there'])
  })

  it('is found to be unusable before anything else is opened', async () => {
    const folder = await aFolder()
    const environment = { JWT_SECRET: aSecret(), LOG_FILE: folder, NODE_ENV: 'test' }
    const { code, stdout, stderr } = await ended(process.execPath, ['backend/dist/index.js'], environment)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(
      `The configuration has a fault:\n  LOG_FILE: cannot be opened: EISDIR: illegal operation on a directory, open '${folder}'\n`,
    )
  })

  it('has the last lines of a server that was told to stop', async () => {
    const path = join(await aFolder(), 'server.log')
    const server = await aServerProcess({ LOG_FILE: path })
    server.signal('SIGTERM')
    expect(await server.ended).toEqual([0, null])
    expect(linesOf(path).at(-1)?.msg).toBe('stopped')
  })

  it('has the last line of a server that crashed, and why', async () => {
    const path = join(await aFolder(), 'server.log')
    const server = await aServerProcess({ LOG_FILE: path })
    server.crash()
    expect((await server.ended)[0]).toBeGreaterThan(0)
    expect(linesOf(path).at(-1)).toMatchObject({ level: 60, msg: 'nobody caught this' })
    expect(readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)).toContain('out of the blue')
  })

  it('may be on a disk that is full: the server answers, its lines are told on the standard error, and go on when there is room', async () => {
    const disk = await aSmallDisk()
    const path = join(disk, 'server.log')
    const server = await aServerProcess({ LOG_FILE: path })
    const free = fill(disk)
    const ids = Array.from({ length: 50 }, (_, n) => `full-${n}`)
    await answerMany(server, ids, longPath)
    await expect.poll(() => ids.filter((id) => !server.errors().includes(`"${id}"`))).toEqual([])
    expect(server.errors()).toMatch(/^LOG_FILE cannot be written, its lines are told here: /)
    free()
    await server.answer('free')
    await expect.poll(() => readFileSync(path, 'utf8')).toContain('"free"')
    await expect.poll(server.errors).toMatch(/LOG_FILE is written again: \d+ lines are not in it\n$/)
    const last = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? ''
    expect(JSON.parse(last)).toMatchObject({ requestId: 'free', msg: 'answered' })
  })
})

describe('the log on the standard output', () => {
  it('may go to a disk that is full: the server answers, and its lines go on when there is room', async () => {
    const disk = await aSmallDisk()
    const path = join(disk, 'output.log')
    const server = await aServerProcess({}, { output: openSync(path, 'a') })
    const free = fill(disk)
    await answerMany(
      server,
      Array.from({ length: 300 }, (_, n) => `full-${n}`), // over the megabyte that is kept
      longPath,
    )
    free()
    await server.answer('free')
    server.signal('SIGUSR2')
    await server.answer('after-a-signal')
    const ids = () => idsIn(path)
    await expect.poll(ids).toEqual(expect.arrayContaining(['free', 'after-a-signal']))
  })
})
