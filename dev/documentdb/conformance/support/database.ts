import { randomBytes } from 'node:crypto'
import {
  type Collection,
  type Db,
  type Document,
  type IndexSpecification,
  MongoClient,
  type MongoClientOptions,
  type ObjectId,
} from 'mongodb'
import { afterAll, inject } from 'vitest'
import './provided-context.js'

export interface Stored extends Document {
  _id?: number | string | ObjectId
}

type Index = readonly [IndexSpecification, Document?]

/** The engine under test; what DocumentDB is known to lack is asserted as such, and as working elsewhere. */
export const onDocumentDb = (): boolean => inject('mongoEngine') === 'documentdb'

export interface TestDatabase {
  readonly client: MongoClient
  readonly db: Db
  /** A new name for a collection. */
  readonly name: () => string
  /** A new collection with these indexes, then these documents. */
  readonly collection: (documents?: readonly Stored[], ...indexes: Index[]) => Promise<Collection<Stored>>
}

/** A database of this file's own, dropped after its tests. */
export const useDatabase = (options: MongoClientOptions = {}): TestDatabase => {
  const client = new MongoClient(inject('mongoUrl'), { serverSelectionTimeoutMS: 5000, ...options })
  const db = client.db(`conformance_${randomBytes(6).toString('hex')}`)
  let names = 0
  const name = () => {
    names += 1
    return `c${names}`
  }
  afterAll(async () => {
    await db.dropDatabase()
    await client.close()
  })
  return {
    client,
    db,
    name,
    collection: async (documents = [], ...indexes) => {
      const collection = db.collection<Stored>(name())
      for (const [key, options] of indexes) await collection.createIndex(key, options)
      if (documents.length > 0) await collection.insertMany([...documents])
      return collection
    },
  }
}

/** Each once, in an order of their own: for comparing what comes in no order. */
export const unordered = (values: Iterable<unknown>): unknown[] => [...values].map(String).toSorted((a, b) => (a < b ? -1 : 1))
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
export const ids = (documents: readonly Stored[]): unknown[] => documents.map((document) => document._id)
