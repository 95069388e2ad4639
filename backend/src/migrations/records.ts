import type { mongo } from 'mongoose'
import { isDuplicateKey } from '../platform/duplicate-key.js'
import { type Migration, MigrationError, titleOf } from './migration.js'

/** What is known of a migration. */
export interface MigrationDocument {
  /** The migration's number. */
  readonly _id: number
  readonly name: string
  /** When it was done, by the database's clock; absent while it is not. */
  readonly at?: Date
  /** How long the attempt took that came to the end. */
  readonly milliseconds?: number
  /** How far it is; absent once it is done. */
  readonly position?: unknown
}

type Known = Pick<Migration, 'number' | 'name'>

const records = (db: mongo.Db): mongo.Collection<MigrationDocument> => db.collection<MigrationDocument>('migrations')

/**
 * What is still to be done, in order, and what was done by a newer version.
 * @throws MigrationError where the database knows another migration by the same number
 */
export const standingOf = async <M extends Known>(
  db: mongo.Db,
  migrations: readonly M[],
): Promise<{ pending: M[]; newer: MigrationDocument[] }> => {
  const found = await records(db).find({}, { readPreference: 'primary' }).sort({ _id: 1 }).toArray()
  const names = new Map(migrations.map(({ number, name }) => [number, name]))
  const other = found.find(({ _id, name }) => names.has(_id) && names.get(_id) !== name)
  if (other) {
    const own = titleOf({ number: other._id, name: names.get(other._id) ?? '' })
    throw new MigrationError(
      `The database knows the migration ${titleOf({ number: other._id, name: other.name })} where this version has ${own}`,
    )
  }
  const done = new Set(found.filter(({ at }) => at).map(({ _id }) => _id))
  return {
    pending: migrations.filter(({ number }) => !done.has(number)).toSorted((a, b) => a.number - b.number),
    newer: found.filter(({ _id }) => !names.has(_id)),
  }
}

/** Notes that a migration is begun. @returns where an earlier attempt has come to */
export const beginRecord = async (db: mongo.Db, { number, name }: Known): Promise<unknown> => {
  await records(db)
    .updateOne({ _id: number }, { $setOnInsert: { name } }, { upsert: true })
    .catch((error: unknown) => {
      if (!isDuplicateKey(error)) throw error
    })
  return (await records(db).findOne({ _id: number }, { readPreference: 'primary' }))?.position
}

export const keepPosition = async (db: mongo.Db, { number }: Known, position: unknown): Promise<void> => {
  await records(db).updateOne({ _id: number, at: { $exists: false } }, { $set: { position } })
}

export const endRecord = async (db: mongo.Db, { number }: Known, milliseconds: number): Promise<void> => {
  await records(db).updateOne({ _id: number }, [{ $set: { at: '$$NOW', milliseconds } }, { $unset: 'position' }])
}
