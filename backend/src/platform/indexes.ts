import type { Model } from 'mongoose'

// A list of models of different documents; nothing here looks into one.
type Models = readonly Pick<Model<unknown>, 'createCollection' | 'createIndexes' | 'diffIndexes' | 'modelName'>[]

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
