import { rm, stat, writeFile } from 'node:fs/promises'
import type { RedisSettings } from '../platform/redis-address.js'
import { ArchiveWriter } from './archive-writer.js'
import { BackupError } from './errors.js'
import type { ArchiveFile } from './manifest.js'
import { type Program, reasonOf, running } from './program.js'
import type { Sealing } from './sealing.js'

interface Where {
  readonly folder: string
  readonly sealing: Sealing
}

/** What a program prints, as a file of an archive. */
const copyOutput = async ({ folder, sealing }: Where, name: string, program: Program) => {
  const writer = new ArchiveWriter(`${folder}/${name}`, { sealing: sealing.program, compress: false })
  const { input, output, ended, kill } = running(program)
  input.on('error', () => undefined) // it is given nothing
  input.end()
  try {
    for await (const chunk of output) await writer.write(chunk)
    await ended
    return { name, ...(await writer.end()) }
  } catch (error) {
    await writer.destroy()
    throw await reasonOf(error, { ended })
  } finally {
    kill()
  }
}

/** tar says so where a file was removed while it read its folder. */
const somethingChanged = 1

/**
 * The files of a folder of uploads, but those that are still being written. What is removed meanwhile may be missing: nobody needs it.
 * @returns undefined where there is no such folder
 */
export const copyUploads = async (where: Where, uploads: string): Promise<ArchiveFile | undefined> => {
  const there = await stat(uploads).catch(() => undefined)
  if (!there?.isDirectory()) return undefined
  const words = ['--create', '--directory', uploads, '--exclude=./temporary/*', '--warning=no-file-changed', '.']
  const program = { command: 'tar', words, good: [0, somethingChanged] }
  return { holds: 'uploads', ...(await copyOutput(where, `uploads-folder.tar${where.sealing.suffix}`, program)) }
}

/** What Redis holds, as it would store it itself. @throws BackupError where it is no single server, or redis-cli is not there */
export const copyRedis = async (where: Where, redis: RedisSettings): Promise<ArchiveFile> => {
  const { at, username, password, tls } = redis
  const authority = `${where.folder}/redis-ca.pem`
  if (!('host' in at)) throw new BackupError('the copy of a single Redis is what can be made: not under Sentinel, nor of a cluster')
  const words = [
    '-h',
    at.host,
    '-p',
    String(at.port),
    ...(username === undefined ? [] : ['--user', username]),
    ...(tls ? ['--tls', ...(tls.ca === undefined ? [] : ['--cacert', authority])] : []),
    '--rdb',
    '-',
  ]
  const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', ...(password !== undefined && { REDISCLI_AUTH: password }) }
  const name = `redis.rdb${where.sealing.suffix}`
  if (tls?.ca !== undefined) await writeFile(authority, tls.ca)
  try {
    return { holds: 'redis', ...(await copyOutput(where, name, { command: 'redis-cli', words, environment })) }
  } finally {
    await rm(authority, { force: true })
  }
}
