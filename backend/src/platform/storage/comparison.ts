import type { Storage } from './storage.js'

/** What the storage ought to hold, by those who put it there. */
export interface Expected {
  /** Which of these keys belong to something that is known of, whatever has become of it. */
  known(keys: readonly string[]): Promise<ReadonlySet<string>>
  /** The keys of all that has to be there since before this moment, each with the id of what it belongs to. */
  ready(before: Date): AsyncIterable<{ readonly id: string; readonly key: string }>
  /** Asked again of what is missing: it may have been removed meanwhile. */
  stillReady(id: string): Promise<boolean>
}

/** What is in one place and not in the other. */
export type Orphan =
  | { readonly kind: 'object'; readonly key: string; readonly size: number; readonly modifiedAt: Date }
  | { readonly kind: 'multipart'; readonly key: string; readonly uploadId: string; readonly begunAt: Date }
  | { readonly kind: 'row'; readonly id: string; readonly key: string }

type Listed = Exclude<Orphan, { kind: 'row' }>

const prefixes = ['pending/', 'final/']
/** Ids after a prefix, and what it is; nothing else is ever put there by the server. */
const ownKey = /^(?:pending|final)(?:\/[0-9a-f]{24})+(?:\/(?:original|thumbnail))?$/
/** What is this young may be on its way: another machine's clock may be behind. */
const leastAgeMs = 3_600_000
const batchSize = 500
const atOnce = 16

const listed = async function* (storage: Pick<Storage, 'list' | 'multiparts'>, before: Date): AsyncGenerator<Listed> {
  for (const prefix of prefixes) {
    for await (const object of storage.list(prefix)) {
      if (ownKey.test(object.key) && object.modifiedAt < before) yield { kind: 'object', ...object }
    }
  }
  for await (const multipart of storage.multiparts()) {
    if (ownKey.test(multipart.key) && multipart.begunAt < before) yield { kind: 'multipart', ...multipart }
  }
}

const batched = async function* <T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

const unknownOnes = async function* (storage: Storage, expected: Expected, before: Date): AsyncGenerator<Listed> {
  for await (const batch of batched(listed(storage, before), batchSize)) {
    const known = await expected.known(batch.map(({ key }) => key))
    for (const orphan of batch) if (!known.has(orphan.key) && (await isThere(storage, orphan))) yield orphan
  }
}

/** What was listed may have been removed since, and what it belonged to after it. */
const isThere = async (storage: Storage, { kind, key }: Listed): Promise<boolean> =>
  kind === 'multipart' || (await storage.head(key)) !== undefined

const missingOnes = async function* (storage: Storage, expected: Expected, before: Date): AsyncGenerator<Orphan> {
  for await (const batch of batched(expected.ready(before), atOnce)) {
    const there = await Promise.all(batch.map(({ key }) => storage.head(key)))
    const missing = batch.filter((_, index) => !there[index])
    const still = await Promise.all(missing.map(({ id }) => expected.stillReady(id)))
    for (const [index, { id, key }] of missing.entries()) if (still[index]) yield { kind: 'row', id, key }
  }
}

/**
 * Compares what the storage holds with what it ought to hold, while both go on. What is younger than an hour, and what is no key of ours, is let be.
 * @throws StorageUnavailable
 */
export const orphans = async function* (storage: Storage, expected: Expected, now = new Date()): AsyncGenerator<Orphan> {
  const before = new Date(now.getTime() - leastAgeMs)
  yield* unknownOnes(storage, expected, before)
  yield* missingOnes(storage, expected, before)
}

/** Removes what nobody knows of. @returns false for what only a person can put right: a row whose object is gone */
export const removeOrphan = async (storage: Storage, orphan: Orphan): Promise<boolean> => {
  if (orphan.kind === 'row') return false
  await (orphan.kind === 'object' ? storage.remove([orphan.key]) : storage.abortMultipart(orphan))
  return true
}
