import { foldName, type UserDocument } from '../features/users/index.js'
import { backfill } from './backfill.js'

/** Who registered before profiles could be changed has neither a version nor a name to be found by. */
export const namesOfPeople = backfill<UserDocument>({
  number: 3,
  name: 'names-of-people',
  about: 'people from before profiles get a version, and the name by which they are found',
  collection: 'users',
  lacking: { $or: [{ nameFolded: { $exists: false } }, { version: { $exists: false } }] },
  fields: ['name', 'nameFolded', 'version'],

  writes({ _id, name, nameFolded, version }: Partial<UserDocument> & Pick<UserDocument, '_id' | 'name'>) {
    const folded = { filter: { _id, name, nameFolded: { $exists: false } }, update: { $set: { nameFolded: foldName(name) } } }
    const first = { filter: { _id, version: { $exists: false } }, update: { $set: { version: 1 } } }
    return [...(nameFolded === undefined ? [folded] : []), ...(version === undefined ? [first] : [])]
  },
})
