import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { BackupError, isCode } from './errors.js'
import { sealers } from './sealing.js'

const FileName = z.string().regex(/^[A-Za-z0-9][\w.-]*$/)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const ArchiveFile = z.strictObject({
  name: FileName,
  /** Documents are BSON, compressed by gzip; uploads a tar; Redis an RDB. */
  holds: z.enum(['documents', 'uploads', 'redis']),
  collection: z.string().optional(),
  documents: z.int().min(0).optional(),
  bytes: z.int().min(0),
  sha256,
})
export type ArchiveFile = z.infer<typeof ArchiveFile>

const Manifest = z.strictObject({
  format: z.literal(1),
  database: z.string(),
  /** Everything that was acknowledged before is in it. */
  begunAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  /** Of the server that made it. */
  version: z.string(),
  sealedBy: z.enum(sealers),
  files: z.array(ArchiveFile),
})
export type Manifest = z.infer<typeof Manifest>

const manifestName = 'manifest.json'
/** As `sha256sum --check` reads it. It is written last: a folder without it is no archive. */
export const sumsName = 'SHA256SUMS'
const sumLine = /^([0-9a-f]{64}) {2}(\S+)$/

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

const writeDurably = async (path: string, text: string): Promise<void> => {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes an archive of a folder that holds these files. */
export const writeManifest = async (folder: string, manifest: Manifest): Promise<void> => {
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`
  await writeDurably(join(folder, manifestName), text)
  const sums = [{ name: manifestName, sha256: createHash('sha256').update(text).digest('hex') }, ...manifest.files]
  await writeDurably(join(folder, sumsName), sums.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(''))
}

const readSums = async (folder: string): Promise<Map<string, string>> => {
  const text = await readFile(join(folder, sumsName), 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) throw new BackupError(`${folder} is no whole backup: there is no ${sumsName}`, { cause: error })
    throw error
  })
  const sums = new Map<string, string>()
  for (const line of text.trimEnd().split('\n')) {
    const [, sum, name] = sumLine.exec(line) ?? []
    if (sum === undefined || !FileName.safeParse(name).success) throw new BackupError(`${folder} is damaged: ${sumsName}`)
    sums.set(name ?? '', sum)
  }
  return sums
}

const faultOf = async (path: string, sum: string): Promise<'missing' | 'damaged' | undefined> => {
  try {
    return (await sha256Of(path)) === sum ? undefined : 'damaged'
  } catch (error) {
    if (isCode(error, 'ENOENT')) return 'missing'
    throw error
  }
}

/**
 * Reads what an archive says of itself, once every byte of it is what it was.
 * @throws BackupError naming all that is missing, damaged, or not of it
 */
export const readManifest = async (folder: string): Promise<Manifest> => {
  const sums = await readSums(folder)
  const faults: string[] = []
  for (const [name, sum] of sums) {
    const fault = await faultOf(join(folder, name), sum)
    if (fault) faults.push(`${name} is ${fault}`)
  }
  for (const name of await readdir(folder)) if (name !== sumsName && !sums.has(name)) faults.push(`${name} is not of it`)
  if (faults.length > 0) throw new BackupError(`${folder} is damaged: ${faults.join(', ')}`)
  return parseManifest(folder, await readFile(join(folder, manifestName), 'utf8').catch(() => ''), sums)
}

const parseManifest = (folder: string, text: string, sums: ReadonlyMap<string, string>): Manifest => {
  const parsed = Manifest.safeParse(jsonOf(text))
  if (!parsed.success) throw new BackupError(`${folder} is not of a form that this version knows: ${manifestName}`)
  const { files } = parsed.data
  const agrees = files.length === sums.size - 1 && files.every(({ name, sha256 }) => sums.get(name) === sha256)
  if (!agrees) throw new BackupError(`${folder} is damaged: ${manifestName} and ${sumsName} differ`)
  return parsed.data
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
