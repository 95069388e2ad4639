import { toObjectId } from '../../http/ids.js'

export const notDeleted = { deletedAt: { $exists: false } } as const

/** A person whose account is not deleted: whoever is, nobody writes to any more. */
export const living = (userId: string) => ({ _id: toObjectId(userId), ...notDeleted })
