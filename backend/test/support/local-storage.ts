import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { LocalStorage } from '../../src/platform/storage/local-storage.js'

type Timing = ConstructorParameters<typeof LocalStorage>[1]

export const png = 'image/png'
export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64')
export const anId = (): string => randomBytes(12).toString('hex')
export const pendingKey = (): string => `pending/${anId()}`
export const finalKey = (): string => `final/${anId()}/original`
export const aSecret = (): string => randomBytes(48).toString('base64')

/** A folder, removed when the test has finished. */
export const aFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'heliograph-uploads-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A storage as a worker has it. */
export const storageIn = (
  folder: string,
  secrets: readonly [string, ...string[]] = ['x'],
  timing?: Timing,
  origin = 'http://127.0.0.1:1',
) => {
  const [first, ...former] = secrets.map((secret) => createSecretKey(secret, 'utf8'))
  if (!first) throw new Error('There is one')
  return new LocalStorage({ folder, url: `${origin}/api/v1/uploads/local`, keys: [first, ...former] }, timing)
}

/** Every file below a folder, by its path in it. */
export const filesIn = async (folder: string): Promise<string[]> => {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const files = await Promise.all(names.map(async (name) => ((await stat(join(folder, name))).isFile() ? [name] : [])))
  return files.flat().toSorted()
}

export const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
