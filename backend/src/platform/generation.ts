import { randomBytes } from 'node:crypto'
import type { Connection } from 'mongoose'
import { isDuplicateKey } from './duplicate-key.js'

/** A random id of the database's contents: new after a restore, so that nothing remembered outside of it outlives it. */
export type Generation = string

interface Meta {
  _id: 'generation'
  value: Generation
}

/** Reads the database's generation, making one where there is none; of many that ask at once, all get the same. */
export const readGeneration = async (connection: Connection): Promise<Generation> => {
  const meta = connection.getClient().db(connection.name).collection<Meta>('meta')
  const fresh = randomBytes(9).toString('base64url')
  const stored = await meta
    .findOneAndUpdate({ _id: 'generation' }, { $setOnInsert: { value: fresh } }, { upsert: true, returnDocument: 'after' })
    .catch((error: unknown) => {
      if (!isDuplicateKey(error)) throw error
      return meta.findOne({ _id: 'generation' }) // another worker's upsert won
    })
  if (!stored) throw new Error('The database has no generation')
  return stored.value
}
