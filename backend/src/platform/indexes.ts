import type { Model, mongo } from 'mongoose'
import { withDeadline } from './deadline.js'
import { percentBuilt } from './index-builds.js'
import { messageOf } from './message-of.js'

// A list of models of different documents; nothing here looks into one.
type Models = readonly Pick<Model<unknown>, 'createCollection' | 'createIndexes' | 'diffIndexes' | 'modelName' | 'collection' | 'db'>[]

type Keys = Record<string, 1 | -1>

interface MissingIndex {
  readonly collection: string
  readonly name: string
  build(): Promise<void>
  percentBuilt(): Promise<number | undefined>
}

const buildDeadlineMs = 24 * 3_600_000
const tellEveryMs = 5000

/** Makes the collections and indexes that the models declare. Safe to run again, and at once from several workers. */
export const createIndexes = async (models: Models): Promise<void> => {
  for (const model of models) {
    await model.createCollection()
    await model.createIndexes()
  }
}

/** The commit rests on a unique index, so nothing is served without. @throws naming what `npm run migrate` has to make */
export const requireIndexes = async (models: Models): Promise<void> => {
  const missing: string[] = []
  for (const model of models) {
    const { toCreate } = await model.diffIndexes()
    missing.push(...toCreate.map((index) => `${model.modelName} ${JSON.stringify(index)}`))
  }
  if (missing.length > 0) throw new Error(`Indexes are missing; run: npm run migrate (${missing.join(', ')})`)
}

/** What `createIndexes` would make. */
export const missingIndexes = async (models: Models): Promise<MissingIndex[]> => {
  const missing: MissingIndex[] = []
  for (const model of models) {
    const { toCreate } = await model.diffIndexes({ indexOptionsToCreate: true })
    for (const [keys, options] of toCreate as [Keys, mongo.CreateIndexesOptions][]) missing.push(missingIndex(model, keys, options))
  }
  return missing
}

const missingIndex = ({ collection, db }: Models[number], keys: Keys, options: mongo.CreateIndexesOptions): MissingIndex => ({
  collection: collection.name,
  name: options.name ?? Object.keys(keys).join('_'),
  build: async () => void (await collection.createIndex(keys, options)),
  percentBuilt: () => percentBuilt(db.getClient(), db.name, collection.name),
})

/** As `createIndexes`, one after the other, and tells which one of how many, and for how long. @throws naming the one that cannot be made */
export const buildIndexes = async (models: Models, tell: (line: string) => void): Promise<void> => {
  for (const model of models) await model.createCollection()
  const missing = await missingIndexes(models)
  for (const [n, index] of missing.entries()) {
    const title = `index ${n + 1} of ${missing.length}: ${index.collection} ${index.name}`
    const before = performance.now()
    const seconds = (): string => `${((performance.now() - before) / 1000).toFixed(1)} s`
    const telling = setInterval(() => {
      const told = (percent?: number): void => tell(`${title}: ${percent === undefined ? '' : `${percent} %, `}${seconds()}`)
      index.percentBuilt().then(told, () => told())
    }, tellEveryMs)
    try {
      await withDeadline(index.build(), buildDeadlineMs, title)
    } catch (error) {
      throw new Error(`${title} cannot be made: ${messageOf(error)}`, { cause: error })
    } finally {
      clearInterval(telling)
    }
    tell(`${title}: made in ${seconds()}`)
  }
}
